# SPDX-License-Identifier: Apache-2.0
# How rooms, programs and plug-ins are declared, so that each CMakeLists.txt is just its list of files.

# keystay_room(NAME sources... [LINK targets...]): the static library of one room; its link line is its arrow.
function(keystay_room name)
	cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
	add_library(${name} STATIC ${arg_UNPARSED_ARGUMENTS})
	target_link_libraries(${name} PUBLIC keystay_flags ${arg_LINK})
endfunction()

# keystay_program(NAME DESTINATION folder sources... [LINK targets...])
function(keystay_program name)
	cmake_parse_arguments(arg "" "DESTINATION" "LINK" ${ARGN})
	add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
	target_link_libraries(${name} PRIVATE keystay_flags ${arg_LINK})
	target_link_options(${name} PRIVATE -pie)
	install(TARGETS ${name} RUNTIME DESTINATION ${arg_DESTINATION})
endfunction()

# keystay_plugin(TARGET FILE name FOLDER folder EXPORTS file.map sources... [LINK targets...]): a module that other
# programs load. FOLDER is below lib/ in the build tree; install.cmake knows where an installation has it. Only what the
# version script names leaves it.
function(keystay_plugin target)
	cmake_parse_arguments(arg "" "FILE;FOLDER;EXPORTS" "LINK" ${ARGN})
	add_library(${target} MODULE ${arg_UNPARSED_ARGUMENTS})
	set_target_properties(${target} PROPERTIES
		PREFIX "" OUTPUT_NAME ${arg_FILE}
		LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib/${arg_FOLDER}
		LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${arg_EXPORTS})
	target_link_libraries(${target} PRIVATE keystay_flags ${arg_LINK})
	target_link_options(${target} PRIVATE
		-Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/${arg_EXPORTS} -Wl,--exclude-libs,ALL)
	keystay_install_plugin(${target} ${arg_FILE} ${arg_FOLDER})
endfunction()
