# SPDX-License-Identifier: Apache-2.0
# keystay_flags: what every target of ours is compiled and linked with.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
	set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

# The build tree is runnable in place: its layout is the layout of an installation.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

add_library(keystay_flags INTERFACE)
target_include_directories(keystay_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(keystay_flags INTERFACE _GNU_SOURCE KEYSTAY_VERSION="${PROJECT_VERSION}")

foreach(flag
	-Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
	-Wmissing-declarations -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla
	-Wformat=2 -Wimplicit-fallthrough -Wnull-dereference -Wduplicated-cond -Wlogical-op -Wbad-function-cast
	-Wswitch-enum)
	string(MAKE_C_IDENTIFIER "has${flag}" known)
	check_c_compiler_flag(${flag} ${known})
	if(${known})
		target_compile_options(keystay_flags INTERFACE ${flag})
	endif()
endforeach()
if(KEYSTAY_WERROR)
	target_compile_options(keystay_flags INTERFACE -Werror)
endif()

# Hardening, as Debian and libfido2 have it.
foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection -fno-delete-null-pointer-checks
	-ftrivial-auto-var-init=zero)
	string(MAKE_C_IDENTIFIER "has${flag}" known)
	check_c_compiler_flag(${flag} ${known})
	if(${known})
		target_compile_options(keystay_flags INTERFACE ${flag})
	endif()
endforeach()
if(NOT KEYSTAY_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
	target_compile_options(keystay_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
target_link_options(keystay_flags INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed)

if(KEYSTAY_SANITIZE)
	target_compile_options(keystay_flags INTERFACE -fsanitize=${KEYSTAY_SANITIZE} -fno-sanitize-recover=all
		-fno-omit-frame-pointer)
	target_link_options(keystay_flags INTERFACE -fsanitize=${KEYSTAY_SANITIZE})
else()
	target_link_options(keystay_flags INTERFACE -Wl,--no-undefined)
endif()
if(KEYSTAY_COVERAGE)
	target_compile_options(keystay_flags INTERFACE --coverage -O0)
	target_link_options(keystay_flags INTERFACE --coverage)
endif()
if(KEYSTAY_FUZZ)
	target_compile_options(keystay_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
