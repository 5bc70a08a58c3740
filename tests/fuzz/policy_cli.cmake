cl_fuzz_target(fuzz_yaml LIBS cl_yaml)
