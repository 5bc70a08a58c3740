foreach(test files watch)
    cl_unit_test(test_shim_${test} LIBS cl_shim_files Threads::Threads)
endforeach()
cl_unit_test(test_shim_refresh SOURCES shim_world.c LIBS cl_shim)
