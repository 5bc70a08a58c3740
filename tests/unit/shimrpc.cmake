cl_unit_test(test_shim_rpc SOURCES shim_rig.c LIBS cl_shim)
cl_unit_test(test_shim_service SOURCES shim_rig.c LIBS cl_shim)
cl_unit_test(test_shim_publish SOURCES shim_rig.c LIBS cl_shim)
cl_unit_test(test_shim_args LIBS cl_shim)
