# cl_shim_translate: config.json of containerd and CRI-O for the guest. Needs nothing else of the shim.
add_library(cl_shim_translate STATIC
    ${CMAKE_CURRENT_LIST_DIR}/translate.c
    ${CMAKE_CURRENT_LIST_DIR}/translate_devices.c
    ${CMAKE_CURRENT_LIST_DIR}/translate_json.c
    ${CMAKE_CURRENT_LIST_DIR}/translate_linux.c
    ${CMAKE_CURRENT_LIST_DIR}/translate_mountinfo.c
    ${CMAKE_CURRENT_LIST_DIR}/translate_mounts.c
    ${CMAKE_CURRENT_LIST_DIR}/translate_process.c
    ${CMAKE_CURRENT_LIST_DIR}/translate_resources.c
    ${CMAKE_CURRENT_LIST_DIR}/translate_seccomp.c
    ${CMAKE_CURRENT_LIST_DIR}/translate_volume.c)
target_include_directories(cl_shim_translate PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(cl_shim_translate PUBLIC cl_base PRIVATE cl_flags)
