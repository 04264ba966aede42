#include "crypto/client_certificate.hpp"

#include <gtest/gtest.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>

#include "support/cards.hpp"

namespace dayaq::crypto {
namespace {

using namespace std::chrono_literals;
using Maker = dayaq::test::CardMaker;

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "none" : std::string(result.error().code);
}

struct ClientCertificates : testing::Test {
  const Instant now{1'800'000'000s};
  const Maker::Made root = Maker::authority("root");
  const Maker::Made issuer = Maker::make({.subject = {{"CN", "cards"}}, .authority = true}, &root);
  const std::vector<Bytes> others{issuer.der};
  const std::vector<Bytes> anchors{root.der};

  Maker::Made card(Maker::Wish wish) const {
    wish.subject = {{"CN", "A"}, {"serialNumber", "5ABC123"}};
    return Maker::make(wish, &issuer);
  }
  std::string verify(const Maker::Made& made) const {
    return code_of(verify_client_chain(made.der, others, anchors, now));
  }
};

TEST_F(ClientCertificates, AChainIsReturnedFromTheLeafToTheAnchor) {
  const auto mine = card({.extended_usage = "clientAuth"});
  const auto chain = verify_client_chain(mine.der, others, anchors, now);
  ASSERT_TRUE(chain) << chain.error().detail;
  EXPECT_EQ(*chain, (std::vector<Bytes>{mine.der, issuer.der, root.der}));
  // An anchor need not be a root.
  EXPECT_EQ(verify_client_chain(mine.der, {}, others, now)->size(), 2u);
}

TEST_F(ClientCertificates, EachReasonToRefuseHasItsCode) {
  EXPECT_EQ(verify(card({})), "none");
  EXPECT_EQ(verify(card({.usage = "critical,nonRepudiation"})), "certificate.purpose");
  EXPECT_EQ(verify(card({.usage = "keyEncipherment"})), "certificate.purpose");
  EXPECT_EQ(verify(card({.extended_usage = "serverAuth"})), "certificate.purpose");
  EXPECT_EQ(verify(card({.until = now - 1s})), "certificate.expired");
  EXPECT_EQ(verify(card({.from = now + 1s})), "certificate.expired");
  EXPECT_EQ(verify(issuer), "certificate.untrusted");
  EXPECT_EQ(verify(Maker::card("5ABC123", Maker::authority("root"))), "certificate.untrusted");
  const auto late = Maker::make({.subject = {{"CN", "late"}}, .authority = true, .until = now - 1s}, &root);
  const auto below = Maker::card("5ABC123", late);
  EXPECT_EQ(code_of(verify_client_chain(below.der, std::vector<Bytes>{late.der}, anchors, now)),
            "certificate.untrusted");
  EXPECT_EQ(code_of(verify_client_chain(as_bytes("no"), {}, anchors, now)), "cose.certificate");
}

TEST_F(ClientCertificates, AListSaysWhoIsRevokedWhileItHolds) {
  const auto good = card({.serial = 5});
  const auto stolen = card({.serial = 6});
  const auto list = RevocationList::read(Maker::list(issuer, {6, 9}, now - 1h, now + 1h), issuer.der);
  ASSERT_TRUE(list) << list.error().detail;
  EXPECT_EQ(list->standing(good.der, now), Standing::good);
  EXPECT_EQ(list->standing(stolen.der, now), Standing::revoked);
  EXPECT_EQ(list->standing(stolen.der, now + 1h), Standing::unknown);
  EXPECT_EQ(list->standing(good.der, now + 1h), Standing::unknown);
  EXPECT_EQ(list->standing(good.der, now - 2h), Standing::unknown);
  EXPECT_EQ(list->standing(as_bytes("no"), now), Standing::unknown);
}

TEST_F(ClientCertificates, ListsOfOthersAreRefused) {
  const Bytes list = Maker::list(issuer, {}, now - 1h, now + 1h);
  EXPECT_EQ(code_of(RevocationList::read(list, root.der)), "certificate.list_untrusted");
  const auto same_name = Maker::make({.subject = {{"CN", "cards"}}, .authority = true}, &root);
  EXPECT_EQ(code_of(RevocationList::read(list, same_name.der)), "certificate.list_untrusted");
  const auto no_lists =
      Maker::make({.subject = {{"CN", "cards"}}, .authority = true, .usage = "critical,keyCertSign"}, &root);
  EXPECT_EQ(code_of(RevocationList::read(Maker::list(no_lists, {}, now, now + 1h), no_lists.der)),
            "certificate.list_untrusted");
  Bytes changed = list;
  changed[changed.size() / 2] ^= std::byte{1};
  EXPECT_NE(code_of(RevocationList::read(changed, issuer.der)), "none");
  EXPECT_EQ(code_of(RevocationList::read({}, issuer.der)), "certificate.list");
  EXPECT_EQ(code_of(RevocationList::read(as_bytes("no"), issuer.der)), "certificate.list");
}

TEST_F(ClientCertificates, PemFilesAreReadWhole) {
  const auto pem = [](const Maker::Made& made) {
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(out, made.certificate.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(out, &text);
    std::string written(text, static_cast<std::size_t>(size));
    BIO_free(out);
    return written;
  };
  EXPECT_EQ(*read_certificates(pem(root) + "\n# words\n" + pem(issuer)),
            (std::vector<Bytes>{root.der, issuer.der}));
  EXPECT_EQ(code_of(read_certificates("")), "certificate.pem");
  std::string broken = pem(issuer);
  broken[200] = broken[200] == 'A' ? 'B' : 'A';
  EXPECT_EQ(
      code_of(read_certificates(pem(root) + "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n")),
      "certificate.pem");
}

// -- answers of a responder, as OpenSSL writes them

struct Answers : ClientCertificates {
  struct Wish {
    int status = V_OCSP_CERTSTATUS_GOOD;
    const Maker::Made* by = nullptr;  // nobody: the authority itself
    bool nonce = true;
    std::chrono::seconds from{0}, until{3600};
    const Maker::Made* about = nullptr;
  };
  const Maker::Made mine = card({.serial = 5});
  const OcspQuestion question = *ask_ocsp(mine.der, issuer.der, Bytes(16, std::byte{0x5a}));

  Bytes answer(const Wish& wish) const {
    const unsigned char* at = reinterpret_cast<const unsigned char*>(question.request.data());
    OCSP_REQUEST* request = d2i_OCSP_REQUEST(nullptr, &at, long(question.request.size()));
    OCSP_BASICRESP* basic = OCSP_BASICRESP_new();
    const auto time = [](Instant t) {
      return ASN1_GENERALIZEDTIME_set(nullptr, time_t(to_micros(t) / 1'000'000));
    };
    ASN1_GENERALIZEDTIME* from = time(now + wish.from);
    ASN1_GENERALIZEDTIME* until = time(now + wish.until);
    OCSP_CERTID* id = OCSP_cert_to_id(
        EVP_sha1(), (wish.about != nullptr ? *wish.about : mine).certificate.get(), issuer.certificate.get());
    OCSP_basic_add1_status(basic, id, wish.status, 0,
                           wish.status == V_OCSP_CERTSTATUS_REVOKED ? from : nullptr, from, until);
    if (wish.nonce) OCSP_copy_nonce(basic, request);
    const Maker::Made& by = wish.by != nullptr ? *wish.by : issuer;
    OCSP_basic_sign(basic, by.certificate.get(), by.key.get(), EVP_sha256(), nullptr, 0);
    OCSP_RESPONSE* response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    Bytes out = Maker::der_of(response, i2d_OCSP_RESPONSE);
    OCSP_RESPONSE_free(response);
    OCSP_CERTID_free(id);
    ASN1_GENERALIZEDTIME_free(from);
    ASN1_GENERALIZEDTIME_free(until);
    OCSP_BASICRESP_free(basic);
    OCSP_REQUEST_free(request);
    return out;
  }
  Result<Standing> read(const Wish& wish) const {
    return read_ocsp(answer(wish), mine.der, issuer.der, question, now);
  }
};

TEST_F(Answers, AreBelievedOfTheAuthorityAndOfItsResponder) {
  EXPECT_EQ(read({}).value(), Standing::good);
  EXPECT_EQ(read({.status = V_OCSP_CERTSTATUS_REVOKED}).value(), Standing::revoked);
  EXPECT_EQ(read({.status = V_OCSP_CERTSTATUS_UNKNOWN}).value(), Standing::unknown);
  EXPECT_EQ(read({.nonce = false}).value(), Standing::good);
  const auto responder = card({.extended_usage = "OCSPSigning", .serial = 8});
  EXPECT_EQ(read({.by = &responder}).value(), Standing::good);
}

TEST_F(Answers, AreRefusedOfAnybodyElseOrAnotherTime) {
  const auto neighbour = card({.serial = 8});  // not for answers
  EXPECT_EQ(code_of(read({.by = &neighbour})), "certificate.ocsp_untrusted");
  EXPECT_EQ(code_of(read({.by = &root})), "certificate.ocsp_untrusted");
  const auto stranger = Maker::authority("cards");
  EXPECT_EQ(code_of(read({.by = &stranger})), "certificate.ocsp_untrusted");
  EXPECT_EQ(code_of(read({.from = -2h, .until = 0s})), "certificate.ocsp_untrusted");
  EXPECT_EQ(code_of(read({.from = 1h, .until = 2h})), "certificate.ocsp_untrusted");
  EXPECT_EQ(code_of(read({.nonce = false, .from = -13h})), "certificate.ocsp_untrusted") << "made long ago";
  EXPECT_EQ(code_of(read({.about = &neighbour})), "certificate.ocsp_untrusted");
  OcspQuestion other = question;
  other.nonce[0] ^= std::byte{1};
  EXPECT_EQ(code_of(read_ocsp(answer({}), mine.der, issuer.der, other, now)), "certificate.ocsp_untrusted");
  EXPECT_EQ(code_of(read_ocsp(as_bytes("no"), mine.der, issuer.der, question, now)), "certificate.ocsp");
  Bytes cut = answer({});
  for (std::size_t size = 0; size < cut.size(); size += 7) {
    EXPECT_FALSE(read_ocsp(BytesView(cut).first(size), mine.der, issuer.der, question, now)) << size;
  }
}

}  // namespace
}  // namespace dayaq::crypto
