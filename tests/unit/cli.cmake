cl_unit_test(test_addr LIBS cl_net)
cl_unit_test(test_image LIBS cl_image Threads::Threads)
cl_unit_test(test_keyprovider LIBS cl_image Threads::Threads)
