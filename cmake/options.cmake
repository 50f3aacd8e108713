# SPDX-License-Identifier: Apache-2.0
option(KEYSTAY_TESTS "build the tests and their helpers" ON)
option(KEYSTAY_FUZZ "build the fuzz targets with libFuzzer (clang); without it they replay their corpus" OFF)
set(KEYSTAY_SANITIZE "" CACHE STRING "sanitizers for every target: address,undefined or thread")
option(KEYSTAY_COVERAGE "instrument for gcov" OFF)
option(KEYSTAY_WERROR "warnings are errors" OFF)
option(KEYSTAY_SANDBOX "sandbox what reads data of strangers (libseccomp, Landlock)" ON)
