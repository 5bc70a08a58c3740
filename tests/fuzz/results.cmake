foreach(target fuzz_corim fuzz_html_escape fuzz_ear_token)
    cl_fuzz_target(${target} LIBS cl_attestation)
endforeach()
