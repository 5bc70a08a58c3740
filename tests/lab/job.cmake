# The hostile host's hand between guest and security processor: for the tests here and for run-demo.
add_executable(psp_tap psp_tap.c)
target_link_libraries(psp_tap PRIVATE cl_flags cl_base)

# His other hands: between guest and `cloister run`, between guest and broker, and in the VMM's memory.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
add_executable(vmm_tap vmm_tap.c)
target_link_libraries(vmm_tap PRIVATE cl_flags cl_base Threads::Threads)
add_executable(kbs_tap kbs_tap.c)
target_link_libraries(kbs_tap PRIVATE cl_flags cl_base OpenSSL::SSL)
add_executable(mem_scan mem_scan.c)
target_link_libraries(mem_scan PRIVATE cl_flags cl_base)

# The tamper matrix of the main job: a representative set, more bytes in job_full; the canary. The guest image
# (cmake --build --target guest) is needed; without it they are skipped, visibly.
set(job ${CMAKE_CURRENT_SOURCE_DIR}/job ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest)
add_test(NAME lab.job_prepare COMMAND ${job} prepare ${CMAKE_BINARY_DIR}/job)
set_tests_properties(lab.job_prepare PROPERTIES LABELS lab TIMEOUT 300 SKIP_RETURN_CODE 77 FIXTURES_SETUP job)
cl_lab_test(job TIMEOUT 900 COMMAND ${job} matrix ${CMAKE_BINARY_DIR}/job)
cl_lab_test(job_full LONG TIMEOUT 4800 COMMAND ${job} full ${CMAKE_BINARY_DIR}/job)
set_tests_properties(lab.job lab.job_full PROPERTIES SKIP_RETURN_CODE 77 FIXTURES_REQUIRED "lab;job")
cl_lab_test(job_canary TIMEOUT 480 COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/job_canary ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest
    ${CMAKE_BINARY_DIR}/job)
set_tests_properties(lab.job_canary PROPERTIES SKIP_RETURN_CODE 77 FIXTURES_REQUIRED "lab;job")
