foreach(target spec process resources)
    cl_fuzz_target(fuzz_shim_${target} LIBS cl_shim_translate)
endforeach()
