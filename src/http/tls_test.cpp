#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "http/test_support.ipp"

namespace dayaq::http {
namespace {

struct Tls : ServerFixture {
  const std::string folder = std::string(DAYAQ_BINARY_DIR) + "/http_tls_test";

  void SetUp() override {
    std::filesystem::create_directories(folder);
    options.tls_certificate = folder + "/certificate.pem";
    options.tls_key = folder + "/key.pem";
    write_certificate();
    add_hello();
    add_echo(1 << 20);
    router.add({.pattern = "/large", .operation = "large"},
               [](const Request&) { return Response::text(std::string(5u << 20, 'x')); });
  }

  void write_certificate() const { write_certificate(options.tls_certificate, options.tls_key); }

  /// Self-signed, for localhost and 127.0.0.1, P-256.
  static void write_certificate(const std::string& certificate_file, const std::string& key_file) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"),
                               -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, EVP_sha256());
    FILE* out = std::fopen(certificate_file.c_str(), "w");
    PEM_write_X509(out, certificate);
    std::fclose(out);
    out = std::fopen(key_file.c_str(), "w");
    PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

  [[nodiscard]] Client tls_client(std::string authority) const {
    auto created = Client::create("https://127.0.0.1:" + std::to_string(server->port()),
                                  {.answer_timeout = 5s, .tls_authority = std::move(authority)});
    EXPECT_TRUE(created);
    return std::move(*created);
  }

  /// The version that a handshake of at most `version_max` ends with, 0 if it fails.
  [[nodiscard]] int handshake(int version_max) const {
    RawConnection raw = connect();
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, version_max);
    SSL* session = SSL_new(context);
    SSL_set_fd(session, raw.descriptor());
    const int version = SSL_connect(session) == 1 ? SSL_version(session) : 0;
    SSL_free(session);
    SSL_CTX_free(context);
    return version;
  }
};

TEST_F(Tls, ServesOverTls13) {
  start();
  Client http = tls_client(options.tls_certificate);
  for (int i = 0; i < 3; ++i) {
    const auto answer = http.get("/hello");
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->body, "hello");
  }
  const std::string body(300'000, 'b');
  const auto echoed = http.post("/echo", body);
  ASSERT_TRUE(echoed) << echoed.error().detail;
  EXPECT_TRUE(echoed->body == body);
  const auto large = http.get("/large");
  ASSERT_TRUE(large) << large.error().detail;
  EXPECT_EQ(large->body.size(), 5u << 20);
  EXPECT_EQ(handshake(TLS1_3_VERSION), TLS1_3_VERSION);
}

TEST_F(Tls, RefusesTls12AndCleartextAndGoesOn) {
  start();
  EXPECT_EQ(handshake(TLS1_2_VERSION), 0);
  EXPECT_EQ(exchange("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").find("hello"), std::string::npos);
  EXPECT_EQ(tls_client(options.tls_certificate).get("/hello")->status, 200);
}

TEST_F(Tls, IsNotTrustedWithoutItsAuthority) {
  start();
  const auto answer = tls_client("").get("/hello");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "client.connect");
}

TEST_F(Tls, EndsAHandshakeThatDoesNotComeToAnEnd) {
  options.header_timeout = 200ms;
  start();
  RawConnection silent = connect();
  silent.read_all(2s);
  EXPECT_TRUE(silent.closed_by_server());
}

TEST_F(Tls, StopsWithOpenConnections) {
  options.shutdown_timeout = 60s;
  start();
  Client http = tls_client(options.tls_certificate);
  ASSERT_TRUE(http.get("/hello"));
  RawConnection shaking = connect();
  std::this_thread::sleep_for(20ms);
  const auto begun = std::chrono::steady_clock::now();
  server->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 30s);  // not the whole shutdown_timeout
}

/// What a caller with this certificate (or none, "") is answered, "" if the handshake fails.
std::string ask_with(const Tls& tls, const std::string& certificate, const std::string& key) {
  RawConnection raw = tls.connect();
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (!certificate.empty()) {
    EXPECT_EQ(SSL_CTX_use_certificate_file(context, certificate.c_str(), SSL_FILETYPE_PEM), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM), 1);
  }
  SSL* session = SSL_new(context);
  SSL_set_fd(session, raw.descriptor());
  std::string answer;
  constexpr std::string_view request = "GET /card HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  if (SSL_connect(session) == 1 && SSL_write(session, request.data(), int(request.size())) > 0) {
    char buffer[4096];
    for (int n = 0; (n = SSL_read(session, buffer, sizeof buffer)) > 0;)
      answer.append(buffer, std::size_t(n));
  }
  SSL_free(session);
  SSL_CTX_free(context);
  return answer;
}

TEST_F(Tls, AsksForACardThatMayBeMissingButNotForged) {
  const std::string card = folder + "/card.pem", card_key = folder + "/card.key";
  const std::string forged = folder + "/forged.pem", forged_key = folder + "/forged.key";
  write_certificate(card, card_key);
  write_certificate(forged, forged_key);
  options.tls_client_authorities = card;  // self-signed: its own authority
  router.add({.pattern = "/card", .operation = "card"}, [](const Request& request) {
    return Response::text(request.client_certificate == nullptr
                              ? "no card"
                              : "card of " + std::to_string(request.client_certificate->size()) + " bytes");
  });
  start();
  EXPECT_NE(ask_with(*this, "", "").find("no card"), std::string::npos);
  const std::string shown = ask_with(*this, card, card_key);
  EXPECT_NE(shown.find("card of "), std::string::npos) << shown;
  EXPECT_EQ(ask_with(*this, forged, forged_key), "");
  options.tls_client_authorities = folder + "/missing.pem";
  const auto started = Server::start(options, router, nullptr);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, "http.certificate");
}

TEST_F(Tls, SaysWhichCertificateItCannotUse) {
  std::ofstream(options.tls_key) << "not a key";
  const auto started = Server::start(options, router, nullptr);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, "http.certificate");
  EXPECT_NE(started.error().public_text.find("key.pem"), std::string::npos);
  options.tls_certificate = folder + "/missing.pem";
  EXPECT_FALSE(Server::start(options, router, nullptr));
}

}  // namespace
}  // namespace dayaq::http
