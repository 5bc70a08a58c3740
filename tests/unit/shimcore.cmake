foreach(test pod guest streams)
    cl_unit_test(test_shim_${test} SOURCES shim_world.c LIBS cl_shim)
endforeach()
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
cl_unit_test(test_shim_parts LIBS cl_shim PkgConfig::ZLIB)
cl_unit_test(test_shim_images LIBS cl_shim cl_image Threads::Threads)
add_dependencies(test_shim_images cloister-fetch) # it is started
