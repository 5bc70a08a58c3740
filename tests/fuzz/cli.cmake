cl_fuzz_target(fuzz_keyprovider LIBS cl_image)
