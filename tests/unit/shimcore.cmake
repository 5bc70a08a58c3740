foreach(test pod guest streams)
    cl_unit_test(test_shim_${test} SOURCES shim_world.c LIBS cl_shim)
endforeach()
