# cl_shim_files: volumes of the host's files, and word of their changes. Needs the pod's messages, nothing else of the shim.
add_library(cl_shim_files STATIC ${CMAKE_CURRENT_LIST_DIR}/files.c ${CMAKE_CURRENT_LIST_DIR}/watch.c)
target_include_directories(cl_shim_files PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(cl_shim_files PUBLIC cl_rpc_messages PkgConfig::LIBEVENT PRIVATE cl_flags)
