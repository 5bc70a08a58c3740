# The hostile host's hand between guest and security processor: for the tests here and for run-demo.
add_executable(psp_tap psp_tap.c)
target_link_libraries(psp_tap PRIVATE cl_flags cl_base)

# The tamper matrix of the main job, what is changed in images, and the canary: in the long tier until their time on an idle machine is known.
cl_lab_test(job LONG TIMEOUT 1200
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/job ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest $<TARGET_FILE:psp_tap> matrix)
cl_lab_test(job_images LONG TIMEOUT 1200
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/job ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest $<TARGET_FILE:psp_tap> images)
set_tests_properties(lab.job lab.job_images PROPERTIES SKIP_RETURN_CODE 77)
