# What recorded versions of containerd said to a shim (tests/vectors/shim/README.md).
cl_unit_test(test_shim_replay SOURCES shim_rig.c LIBS cl_shim)
target_compile_definitions(test_shim_replay PRIVATE SHIM_VECTORS="${CMAKE_SOURCE_DIR}/tests/vectors/shim")
