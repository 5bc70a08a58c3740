/* SPDX-License-Identifier: Apache-2.0
 * token_vectors.h - the worked examples of the RCAR protocol: keys, canonical texts, sealed
 * resources, an admin's token. All private values are test values; they protect nothing.
 * Origin: made with Python's cryptography and checked with an independent implementation.
 */
#ifndef CL_TEST_TOKEN_VECTORS_H
#define CL_TEST_TOKEN_VECTORS_H

#define V_NONCE "/ENcFv3NKlRqcczaq71px5J/F92/NLiH1M6/aHI4Lx8="
#define V_P256_D "c710b6b9f4b12dd6251e793d0eb9834edcdba3a7a02bd415658b77ed52c187bc"
#define V_P256_JWK                                                                                 \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES+A256KW\",\"x\":\"n-klErcedDMgvAmr17CmR--" \
    "ybxYFpk1Yzy"                                                                                  \
    "ujIC3ldKA\",\"y\":\"eV9hFc7NphGkmnZamLEW3vuiKIqsxOgGkNwZZQXuxNY\"}"
#define V_P521_D                                                                                   \
    "000008bcf29fd12fe11901a6b8f2682c8d1cd036c0a492f39085a1c53f509dcb122318346b8a1b5e8f0ca015"     \
    "63d0597a8243303d66e24d64644031a6772fdc7661d7"
#define V_P521_JWK                                                                                 \
    "{\"kty\":\"EC\",\"crv\":\"P-521\",\"alg\":\"ECDH-ES+A256KW\",\"x\":"                          \
    "\"AGgf58KhRo1ocLKOwpQnjiYkGoz9cObvnR"                                                         \
    "AY4TuQE5bBp77tqGxR4VIFEL1S16dhyKsZXEkJkTWAJ3vVos7Agsdz\",\"y\":\"AXru-g3ZYmmpWSPRGmBDQ0VLy8D" \
    "BOHSkFlaWZfGYte90x8UTxqM1-cf-DkDGYpnokp3hZ4YhDOHSNLPBhyqHMC7P\"}"
#define V_TEXT_0_2_0                                                                               \
    "{\"nonce\":\"/ENcFv3NKlRqcczaq71px5J/F92/NLiH1M6/"                                            \
    "aHI4Lx8=\",\"tee-pubkey\":{\"alg\":\"ECDH-ES+A25"                                             \
    "6KW\",\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"n-klErcedDMgvAmr17CmR--"                       \
    "ybxYFpk1YzyujIC3ldKA\",\"y\":\"eV9"                                                           \
    "hFc7NphGkmnZamLEW3vuiKIqsxOgGkNwZZQXuxNY\"}}"
#define V_TEXT_0_4_0                                                                               \
    "{\"additional-evidence\":\"\",\"nonce\":\"/ENcFv3NKlRqcczaq71px5J/F92/NLiH1M6/"               \
    "aHI4Lx8=\",\"tee-pu"                                                                          \
    "bkey\":{\"alg\":\"ECDH-ES+A256KW\",\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"n-"               \
    "klErcedDMgvAmr17CmR--ybxYF"                                                                   \
    "pk1YzyujIC3ldKA\",\"y\":\"eV9hFc7NphGkmnZamLEW3vuiKIqsxOgGkNwZZQXuxNY\"}}"
#define V_TEXT_DEVICE                                                                              \
    "{\"additional-evidence\":\"{\\\"sampledevice\\\":{\\\"report_data\\\":\\\"gYv3esCtA+"         \
    "aBflE89OK9+SjpdAa"                                                                            \
    "GhRrynMkhkGahEsNyJnW0JGBZ7DjFA+X6fAhz\\\",\\\"svn\\\":\\\"2\\\"}}\",\"nonce\":\"/"            \
    "ENcFv3NKlRqcczaq71px5"                                                                        \
    "J/F92/NLiH1M6/"                                                                               \
    "aHI4Lx8=\",\"tee-pubkey\":{\"alg\":\"ECDH-ES+A256KW\",\"crv\":\"P-256\",\"kty\":\"EC\",\"x"   \
    "\":\"n-klErcedDMgvAmr17CmR--ybxYFpk1YzyujIC3ldKA\",\"y\":"                                    \
    "\"eV9hFc7NphGkmnZamLEW3vuiKIqsxOgGkNw"                                                        \
    "ZZQXuxNY\"}}"
#define V_DEVICE                                                                                   \
    "{\"sampledevice\":{\"report_data\":\"gYv3esCtA+aBflE89OK9+"                                   \
    "SjpdAaGhRrynMkhkGahEsNyJnW0JGBZ7DjF"                                                          \
    "A+X6fAhz\",\"svn\":\"2\"}}"
#define V_SHA384_0_2_0                                                                             \
    "818bf77ac0ad03e6817e513cf4e2bdf928e9740686851af29cc9219066a112c3722675b4246059ec38c503e5"     \
    "fa7c0873"
#define V_SHA384_0_4_0                                                                             \
    "de202b05187d3c953f7046162dd2687d9446f7bb7997d41689ac229463259f2575e037c2252ad4fd8404096d"     \
    "7fd35fec"
#define V_SHA384_DEVICE                                                                            \
    "9f8136267eebde2e92660dc3f2fcff3d69639ea4f2ef56f22e1446f55a1fd68a95d8f9be9f8bd0d15f34e337"     \
    "08ab6147"
#define V_JCS_SHA384                                                                               \
    "e71ce8e70d814ba6639c3612ebee0ff1f76f650f8dbb5e47157e0f3f525cd22c4597480a186427c813ca941d"     \
    "a78870c3"
#define V_PLAIN "cloister-secret"
#define V_EPH_D "b670a6fe6937a1795fff38dd43c6804b4e0acfc3ae23a6222efee1eec410aebf"
#define V_EPH_JWK                                                                                  \
    "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"DvcSlrVCbIMG6g53XdKZlnEFsG3Na3fB-ztokMt8Ezo\","     \
    "\"y\":\"dSFFtZ_"                                                                              \
    "eqVxAejacB_rNBF3ZItYpXHPBo-4jq7S2xtA\",\"alg\":\"ECDH-ES+A256KW\"}"
#define V_KEK_P256 "507d34cf70dbbebbeb53650503c2e7045b5e409fc065ecf4f2ca864abc16c197"
#define V_CEK_P256 "d132305544b47949f88757bbb16bb6349d0bb8409af9fe6c5d5e85b6348b367a"
#define V_IV_P256 "ebef56c638125c0d4a38ad65"
#define V_KEK_P521 "b1d37024c0af6d2947b4a49d9d44e381e7168c9bf6819a1c89a956ceb3711d46"
#define V_JWE_P256                                                                                 \
    "{\"protected\":\"eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsiY3J2IjoiUC"  \
    "0yNTYiLCJrdHkiOiJFQyIsIngiOiJEdmNTbHJWQ2JJTUc2ZzUzWGRLWmxuRUZzRzNOYTNmQi16dG9rTXQ4RXpvIi"     \
    "wieSI6ImRTRkZ0Wl9lcVZ4QWVqYWNCX3JOQkYzWkl0WXBYSFBCby00anE3UzJ4dEEifX0\",\"encrypted_key\":\"" \
    "Ey3zoKE23r-7je_qa_KvTKKGcZXkM4Ttyw2XsSLW0GWMHLI9Tjc7uw\",\"iv\":\"6-9WxjgSXA1KOK1l\","        \
    "\"ciphert"                                                                                    \
    "ext\":\"y7-NgX0v32_50w-D3mgt\",\"tag\":\"xv03jA1GFSXk8w0B4Gqguw\"}"
#define V_JWE_P521                                                                                 \
    "{\"protected\":\"eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsiY3J2IjoiUC"  \
    "01MjEiLCJrdHkiOiJFQyIsIngiOiJBSDhWZ0VuaVlmdXZnSTJCeWdQNGdJT2RMbHl1NnFhMzRfbVpFMnZnNkR6NX"     \
    "V5V0JoX2JPWkZ2d0t0R0lNd2JoaG1zV3AxcmJKcjJWN2lnWVdQdmlObVZpIiwieSI6IkFjUkJoeE5pU2tuby1RVG"     \
    "5rZmVXR2ptamdMY3dvSEN2YjN3Q2l1LTVwdm9UVXVtZWlmM3IzMGFSVzg5azdwU19uQk1tbEpTZWlZQU9jMmk4Wn"     \
    "lYU3l3S3UifX0\",\"encrypted_key\":\"_CJZSwmraQAVTumhre-"                                      \
    "RGNMgJS0AK2CuDhrCaJuaMUflO2YkotIfJQ\","                                                       \
    "\"iv\":\"QgB5ZhgVHBUqWicJ\",\"ciphertext\":\"EwmdH3HExmtDd1h9ffAB\",\"tag\":"                 \
    "\"Wgo99ADhslhv3UGaFKOjt"                                                                      \
    "w\"}"
#define V_JWE_RSA                                                                                  \
    "{\"protected\":\"eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIn0\",\"encrypted_key\":"    \
    "\"RsU0"                                                                                       \
    "N3QuGdNhIlcyIP7-_iFeSCA2mhhcc2BGcufggcwXA90WE5ad_mTYcNdXHyWdFZXHAMat_DoUQlVgp7_JKmohPJhN"     \
    "Q5OEmr6aNxDSof5rUqUpExobDcA5ONhgjXYOCJHB2HhbuzT7YMyUsjoK5zMSsxnmgPnBcbWYUxrbwhol1sGHds0h"     \
    "POO_bdJhFaMQcmKobxoVAjgMm_Z5179myRmKlsKqBXA0uFV7-0EbHzO8-ex-UwBNKHlr_dPydq9mafA5nt0qn1qJ"     \
    "oXPRGkP4VtUUxex3FWMuthsygibEysNQnOmRR3uWq1NjT1ZZrtWxF5ttbgzS9TXP_D_RvSBdig\",\"iv\":\"LCyh8m" \
    "9XcnsOT51b\",\"ciphertext\":\"iGHIho-JMhn37HURIZL8\",\"tag\":\"7zk9SN1Pn6VAlx1MTAszkQ\"}"
#define V_RSA_PEM                                                                                  \
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAp4fRmEs+2B5r6cuF9IhPABR3QpTc5MxnPBacc/7f"    \
    "YS0Qp32V\n8V8C9FaR+wwwODv8bbKilDGSuY3y2irfcojsURyTmwXjl7YYds4Hs8iAIolE02EO\nIylZdt5OTtfi6G"   \
    "oaEJ87+louI21nMsiGl5QCwNj4EZfA2aa5JJ4nO1P3xSVsEr+J\nrjxjG9h0kHJhtcZjwXnV1vSSgxXNuqd6OTTwT"    \
    "7F49Vt7n0QwHpW1YW8Xylwut48U\n5cgeB3RzFxBpGIL0a9vImpms5nE7iPoeQF5gpNvVRb+gLj6tKgnnsHrmdGtD"    \
    "TU7d\nxSeQK7R6OM2HC0dSfAt5gYQYZx4VnTshDVc02wIDAQABAoIBABjpFEx5t8z+l7Df\nueSL63n0ERhTNpXwzN"   \
    "LoUSLa/Y/KBHrF15NYkNcQaPbJhQFU7hUeUEK1LP+D8LM/\nAmhZ8rr22FM0k3cTX7I0CCd+mIr0xUlMWllLxIlCc"    \
    "ftoP3hWj9dJOMEM7WUILKWm\nSoO5wZUM+LSeT3yC6Bmz8y/FAwe1vt50nF1hQHtwRtzBBR2VaqF6UHUVd2GhmlVE"    \
    "\n9Qbz1DfjU0RaPGqBYjRy6e4yRVt8ZVxheRish+dHNdy/o9m4/QXdsmwF+Crfo14G\nyVpT22d8UfwY19KqpmEp4n"   \
    "rYCH4CUK2wm1uLE4bwwzuIAWz9PsjbkJe2i+qia+vS\nGO4W1JUCgYEA61BrfPgVU5ForR1dT9DukgmmzGL3F9rIp"    \
    "GfjBpXYm42SxcG4Ph4D\nmQlGgPyMH6HhmdECtqBB6BTRIgD4Ms1i3Qu/KMuypfnMFEZDOYlmkA6zSMJQT1DX\nJOT"   \
    "ZVHfn8bNcEmTnyYEkzXymCd7BctuCFmVUPcRp/wJYu5Vs9LA1G1UCgYEAtkH5\n9LWepri1m0MUq6bFELiydYOvLm"    \
    "sZyC7wruOMGEYeUcPHTEjMWgAXzb+mUYpht2dd\naAA5Yq/TPAk9VFdxDe0jaFZFnfug8rqPXTa3EwCIwYiTQFzKO"    \
    "6zeD4I4+ui3D/J6\nhJkZBdJTUcvHQHBpsWROBIG7UjmIwNm/pMKc728CgYEA6Q1V14gwPvrVbBaYEvO/\nRB2Q9/3"   \
    "P8O07KDDHlP8Vb0HwqjEpE0RQleGs1RTKho2iTN/HSy4+9+aeFYpWRqJJ\nltkKcxIDFgTnTPElpTdiv6v/fkEMnv"    \
    "FWkvCgGdtDeYsE1ibftR9VXrpkC4R1nRav\nqRSkMSR1Qh2F2gqsxU462p0CgYEAlLGnF/rFAQhZQd6sko5w4H+PO"    \
    "UjCN4CxfByv\nyD9lILi0K8kqZBZQgmzo/reJHaVkq5jtH9hu+RCxqZ1wJ8tfNRlvdcRM7+NHIEEM\njeQB4MLiz+J"   \
    "5IF2TsLQMR2La0fniwGP3iQ7O120NBQLYAL61vEA1Vn/xL9g4tf3w\n2J7eIokCgYArRScoVc5zXe/W+KdiNHoPoo"    \
    "Aui31XNBqt738SqD0xr6/8FD9Feimc\n0QB5g5fG8d89lwk7ZAr4WRd3v+XOnLRjkqegw6NTt0XzTiXs2SXaw8gmf"    \
    "7VgaaP9\nHvnBIPNFwdIMAmAgshi73rHS4g1FvL4Ovzmn/zybWz/Myq0Wpsd/PA==\n-----END RSA PRIVATE KE"   \
    "Y-----\n"
#define V_ED25519_SEED "30f740093f13b234a2473b4b2585920c1953c5ac43350b60ae509027f44b9c93"
#define V_ED25519_PUBLIC "70b3730d63292bafd4bbb8e2dbf5fcbfabf6430a40e08fee99ef9c78268bebb2"
#define V_ADMIN_JWT                                                                                \
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDAsImV4cCI6NDEwMjQ0NDgwMCwiaXN"     \
    "zIjoiY2xvaXN0ZXItYWRtaW4iLCJyb2xlIjoiYWRtaW4ifQ.MbE5qD1vRMcSx2W0ZoQ9cqkXCcpp22htDZ-u3KgU"     \
    "VyRqkN-wVJ0SRCdl9p4VIAwGzC6V-XWNJsm7Y4XZLt-_AQ"
#define V_INITDATA                                                                                 \
    "version = \"0.1.0\"\nalgorithm = \"sha256\"\n\n[data]\n\"aa.toml\" = "                        \
    "'''\n[token_configs.kbs]\nurl ="                                                              \
    " \"http://kbs.example:8080\"\n'''\n\"policy.rego\" = '''\npackage agent_policy\ndefault "     \
    "AllowReq"                                                                                     \
    "uestsFailingPolicy := true\n'''\n"
#define V_INITDATA_SHA256 "6257561da2b08b6b2b98bffc1e327c92c48ee4f140aed9d77f0b34ba55efff5b"
#define V_INITDATA_SHA384_CUT "ccb2c9a810302ad7651f5ec3be424ecb06e41df9cd163deb47d3264209a208c5"

#endif
