# SPDX-License-Identifier: Apache-2.0
keystay_fuzz_target(bundle fuzz_bundle.c LINK ks_enrol)
keystay_fuzz_target(cmp_answer fuzz_cmp_answer.c LINK ks_enrol)
keystay_fuzz_target(enrol_json fuzz_enrol_json.c LINK ks_enrol)
keystay_fuzz_target(enrol_state fuzz_enrol_state.c LINK ks_enrol)
keystay_fuzz_target(judge fuzz_judge.c LINK ks_enrol)
keystay_fuzz_target(scep fuzz_scep.c LINK ks_enrol)

# Writes scep_state.h and corpus/scep (make_scep_corpus.c says how); no part of a build.
add_executable(make_scep_corpus EXCLUDE_FROM_ALL make_scep_corpus.c ${PROJECT_SOURCE_DIR}/tests/unit/enrol/scep_fake_ca.c)
target_link_libraries(make_scep_corpus PRIVATE ks_enrol)
target_compile_options(make_scep_corpus PRIVATE -Wno-cast-qual)
set_target_properties(make_scep_corpus PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/fuzz)
