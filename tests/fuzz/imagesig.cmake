# Signatures of images, and whom an image calls its users.
foreach(target fuzz_cosign fuzz_openpgp)
    cl_fuzz_target(${target} LIBS cl_attestation)
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
endforeach()
cl_fuzz_target(fuzz_user LIBS cl_agent_core)
