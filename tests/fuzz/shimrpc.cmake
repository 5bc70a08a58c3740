foreach(target rpc task stdin)
    cl_fuzz_target(fuzz_shim_${target} LIBS cl_shim)
endforeach()
