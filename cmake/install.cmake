# SPDX-License-Identifier: Apache-2.0
# Where an installation has what others must find: OpenSSL its plug-ins, systemd its units, udev its rules, p11-kit its
# modules. An installation for the whole system asks them; one below any other prefix keeps to itself, and its owner
# links from there what is to be found. Each can be said otherwise with -D.

# keystay_folder(VARIABLE PACKAGE VARIABLE-OF-PACKAGE FOLDER): FOLDER is below the prefix, for when there is no such
# package or another prefix.
function(keystay_folder variable package package_variable folder)
	if(DEFINED CACHE{${variable}})
		return()
	endif()
	set(found "")
	if(CMAKE_INSTALL_PREFIX MATCHES "^/(usr(/local)?/?)?$")
		pkg_get_variable(found ${package} ${package_variable})
	endif()
	if(NOT found)
		set(found ${CMAKE_INSTALL_PREFIX}/${folder})
	endif()
	set(${variable} ${found} PARENT_SCOPE)
endfunction()

keystay_folder(KEYSTAY_OSSL_MODULES_FOLDER libcrypto modulesdir ${CMAKE_INSTALL_LIBDIR}/ossl-modules)
keystay_folder(KEYSTAY_OSSL_ENGINES_FOLDER libcrypto enginesdir ${CMAKE_INSTALL_LIBDIR}/engines-3)
keystay_folder(KEYSTAY_UNIT_FOLDER systemd systemduserunitdir lib/systemd/user)
keystay_folder(KEYSTAY_SYSTEM_UNIT_FOLDER systemd systemdsystemunitdir lib/systemd/system)
keystay_folder(KEYSTAY_SYSUSERS_FOLDER systemd sysusersdir lib/sysusers.d)
keystay_folder(KEYSTAY_UDEV_FOLDER udev udevdir lib/udev)
keystay_folder(KEYSTAY_P11_KIT_FOLDER p11-kit-1 p11_module_path ${CMAKE_INSTALL_LIBDIR}/pkcs11)
keystay_folder(KEYSTAY_P11_KIT_CONFIG_FOLDER p11-kit-1 p11_module_configs share/p11-kit/modules)

# keystay_install_plugin(TARGET FILE FOLDER): installs what is built to lib/FOLDER. A PKCS#11 module is told to p11-kit.
function(keystay_install_plugin target name folder)
	set(installed ${CMAKE_INSTALL_LIBDIR}/${folder})
	if(folder STREQUAL "ossl-modules")
		set(installed ${KEYSTAY_OSSL_MODULES_FOLDER})
	elseif(folder STREQUAL "engines-3")
		set(installed ${KEYSTAY_OSSL_ENGINES_FOLDER})
	elseif(folder STREQUAL "pkcs11")
		set(installed ${KEYSTAY_P11_KIT_FOLDER})
		set(file ${installed}/${name}.so)
		configure_file(${PROJECT_SOURCE_DIR}/cmake/keystay-pkcs11.module.in
			${CMAKE_CURRENT_BINARY_DIR}/keystay.module @ONLY)
		install(FILES ${CMAKE_CURRENT_BINARY_DIR}/keystay.module DESTINATION ${KEYSTAY_P11_KIT_CONFIG_FOLDER})
	endif()
	install(TARGETS ${target} LIBRARY DESTINATION ${installed})
endfunction()
