#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>

#include "edge/diameter/node.hpp"
#include "edge/diameter/node_test_support.ipp"

namespace dayaq::edge::diameter {
namespace {

std::uint16_t unused_port() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), size);
  ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(descriptor);
  return ntohs(address.sin_port);
}

/// One certificate for everybody, its own authority, of pgw.example and all of mobile.example.
struct OverTls : NodeFixture {
  const std::filesystem::path folder =
      std::filesystem::path(DAYAQ_BINARY_DIR) / ("diameter_tls_test." + std::to_string(::getpid()));
  const std::string certificate = folder / "certificate.pem", key = folder / "key.pem";

  void SetUp() override {
    std::filesystem::create_directories(folder);
    write_certificate();
    options.tls_port = unused_port();
    options.tls_certificate = certificate;
    options.tls_key = key;
    options.tls_authority = certificate;
  }
  ~OverTls() override { std::filesystem::remove_all(folder); }

  /// Somebody else on this machine may take the port between its choice and its use.
  void start() {
    for (int tries = 0; options.tls_port != 0 && tries < 5; ++tries) {
      if (auto started = Node::start(options, charging, clock)) {
        node = std::move(*started);
        return;
      }
      options.tls_port = unused_port();
    }
    NodeFixture::start();
  }
  void write_certificate() const {
    EVP_PKEY* pair = EVP_EC_gen("P-256");
    X509* x509 = X509_new();
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 24 * 3600);
    X509_set_pubkey(x509, pair);
    X509_NAME* name = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("mobile"), -1,
                               -1, 0);
    X509_set_issuer_name(x509, name);
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:pgw.example,DNS:*.mobile.example");
    X509_add_ext(x509, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(x509, pair, EVP_sha256());
    FILE* out = std::fopen(certificate.c_str(), "w");
    PEM_write_X509(out, x509);
    std::fclose(out);
    out = std::fopen(key.c_str(), "w");
    PEM_write_PrivateKey(out, pair, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(out);
    X509_free(x509);
    EVP_PKEY_free(pair);
  }

  /// The result codes of a CER and of a CCR over TLS; 0 where no answer came.
  std::pair<std::uint32_t, std::uint32_t> speak(bool with_certificate,
                                                const std::string& as = "pgw.example") const {
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    if (with_certificate) {
      SSL_CTX_use_certificate_chain_file(context, certificate.c_str());
      SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM);
    }
    const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options.tls_port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    SSL* ssl = SSL_new(context);
    SSL_set_fd(ssl, descriptor);
    const auto ask = [&](const Bytes& request) -> std::uint32_t {
      SSL_write(ssl, request.data(), int(request.size()));
      Bytes answer(4096);
      const int count = SSL_read(ssl, answer.data(), int(answer.size()));
      if (count < int(header_bytes)) return 0;
      answer.resize(std::size_t(count));
      return result_code_of(answer).value_or(0);
    };
    std::pair<std::uint32_t, std::uint32_t> out{0, 0};
    if (SSL_connect(ssl) == 1) {
      out.first = ask(capabilities_request({.origin_host = as, .origin_realm = "example"}, 1, 1));
      if (out.first == result::success) out.second = ask(credit_request("s", 2));
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    ::close(descriptor);
    return out;
  }
};

TEST_F(OverTls, TakesAPeerWithACertificateAndNoneWithout) {
  start();
  EXPECT_EQ(speak(true), std::pair(result::success, result::success));
  EXPECT_EQ(speak(false), std::pair(0u, 0u));
}

TEST_F(OverTls, ACertificateSpeaksForItsOwnNamesAlone) {
  const std::pair refused(result::unknown_peer, 0u), taken(result::success, result::success);
  options.clients = {{.origin_host = "sgw.example"},
                     {.origin_host = "smsc.example", .certificate_name = "pgw.example"},
                     {.origin_host = "old.example", .certificate_name = "*"},
                     {.origin_host = "*"}};
  start();
  EXPECT_EQ(speak(true), taken);
  EXPECT_EQ(speak(true, "gw1.mobile.example"), taken);
  EXPECT_EQ(speak(true, "a.gw1.mobile.example"), refused) << "a wildcard is one label";
  EXPECT_EQ(speak(true, ".mobile.example"), refused);
  EXPECT_EQ(speak(true, "sgw.example"), refused);
  EXPECT_EQ(speak(true, "smsc.example"), taken);
  EXPECT_EQ(speak(true, "old.example"), taken);
}

TEST_F(OverTls, AChargingSystemWithACertificateOfAnotherNameIsNotAsked) {
  auto ocs_options = options;
  ocs_options.origin_host = "ocs.other.example";
  ocs_options.clients = {{.origin_host = "*"}};
  auto ocs = Node::start(ocs_options, std::make_shared<ScriptedCharging>(), clock);
  ASSERT_TRUE(ocs) << ocs.error().detail;
  options.charging_systems = {{.origin_host = "ocs.other.example",
                               .address = "127.0.0.1:" + std::to_string((*ocs)->tls_port()),
                               .tls = true}};
  options.tls_port = 0;
  options.reconnect = 50ms;
  start();
  ASSERT_TRUE(eventually([&] { return (*ocs)->counts().requests == 0 && !node->counts().peers.empty(); }));
  std::this_thread::sleep_for(300ms);
  for (const auto& [host, state] : node->counts().peers) EXPECT_NE(state, "open") << host;
}

TEST_F(OverTls, APeerThatMustUseTlsIsUnknownWithoutIt) {
  options.clients = {{.origin_host = "pgw.example", .tls = true}};
  start();
  TestPeer plain = TestPeer::connect(node->port());
  plain.send(capabilities_request({.origin_host = "pgw.example", .origin_realm = "example"}, 1, 1));
  EXPECT_EQ(plain.receive_result(), result::unknown_peer);
  EXPECT_EQ(speak(true), std::pair(result::success, result::success));
}

TEST_F(OverTls, ClosesOnWhatIsNoHandshake) {
  start();
  TestPeer plain = TestPeer::connect(options.tls_port);
  plain.send(credit_request("s", 2));
  EXPECT_TRUE(plain.closed());
}

TEST_F(OverTls, RelaysToAChargingSystemOverTls) {
  // The charging system is another node, which answers everything.
  auto ocs_options = options;
  ocs_options.origin_host = "ocs.mobile.example";
  ocs_options.clients = {{.origin_host = "edge.mobile.example", .tls = true}};
  const auto final_word = std::make_shared<ScriptedCharging>();
  final_word->relays = false;
  auto ocs = Node::start(ocs_options, final_word, clock);
  ASSERT_TRUE(ocs) << ocs.error().detail;
  options.charging_systems = {{.origin_host = "ocs.mobile.example",
                               .address = "127.0.0.1:" + std::to_string((*ocs)->tls_port()),
                               .tls = true}};
  options.tls_port = 0;
  options.reconnect = 100ms;
  start();
  ASSERT_TRUE(eventually([&] {
    for (const auto& [host, state] : node->counts().peers) {
      if (host == "ocs.mobile.example" && state == "open") return true;
    }
    return false;
  }));
  TestPeer peer = TestPeer::client(node->port());
  peer.send(credit_request("relay;1", 6));
  const auto answer = peer.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(header_of(*answer).hop_by_hop, 6u);
  EXPECT_EQ(result_code_of(*answer), result::success);
  EXPECT_EQ(charging->upstream_answers, 1);
  node.reset();
}

TEST_F(OverTls, SaysWhichFileCantBeUsed) {
  options.tls_key = folder / "nothing.pem";
  const auto started = Node::start(options, charging, clock);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, "diameter.tls");
  EXPECT_NE(started.error().detail.find("nothing.pem"), std::string::npos);
}

}  // namespace
}  // namespace dayaq::edge::diameter
