cl_unit_test(test_shim_pod SOURCES shim_world.c LIBS cl_shim)
