cl_fuzz_target(fuzz_toml LIBS cl_base)
cl_fuzz_target(fuzz_json LIBS cl_base)
