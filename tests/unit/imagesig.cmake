# Signatures of images: cosign and simple signing, with keys that the test makes.
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
add_library(imagesig_world STATIC ${CMAKE_CURRENT_LIST_DIR}/imagesig_world.c)
target_include_directories(imagesig_world PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(imagesig_world PUBLIC cl_base OpenSSL::Crypto PkgConfig::JANSSON PRIVATE cl_flags PkgConfig::ZLIB)
cl_unit_test(test_imagesig LIBS imagesig_world cl_attestation)
cl_unit_test(test_imagesig_openpgp LIBS imagesig_world cl_attestation)
cl_unit_test(test_agent_signatures LIBS imagesig_world cl_agent_core)
cl_unit_test(test_policy_test LIBS imagesig_world cl_policy_cmd)
