add_executable(psp_tap psp_tap.c)
target_link_libraries(psp_tap PRIVATE cl_flags cl_base)
