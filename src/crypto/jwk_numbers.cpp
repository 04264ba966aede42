#include "crypto/jwk_numbers.ipp"

#include <openssl/rsa.h>

#include "crypto/jws_base64.hpp"

namespace dayaq::crypto::jwk_numbers {
namespace {

using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, HandleDeleter<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, HandleDeleter<OSSL_PARAM_free>>;

BigNumber big(BytesView bytes) {
  BigNumber number(BN_secure_new());  // secure: so that OSSL_PARAM_free clears the copy made of it
  DAYAQ_ASSERT(number &&
               BN_bin2bn(raw_bytes(bytes), static_cast<int>(bytes.size()), number.get()) != nullptr);
  return number;
}

PkeyHandle from_params(const char* type, int selection, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  DAYAQ_ASSERT(params && context && EVP_PKEY_fromdata_init(context.get()) == 1);
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata(context.get(), &key, selection, params.get()) != 1) return {};
  return PkeyHandle(key);
}
}  // namespace

PkeyHandle p256_from_point(BytesView point) {
  static const PkeyHandle curve = [] {
    const ParamBuilder builder(OSSL_PARAM_BLD_new());
    DAYAQ_ASSERT(
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1);
    return from_params("EC", EVP_PKEY_KEY_PARAMETERS, builder.get());
  }();
  DAYAQ_ASSERT(curve != nullptr);
  PkeyHandle key(EVP_PKEY_dup(curve.get()));
  DAYAQ_ASSERT(key != nullptr);
  if (EVP_PKEY_set1_encoded_public_key(key.get(), raw_bytes(point), point.size()) != 1) return {};
  return key;
}

std::unexpected<Error> bad(std::string_view what) {
  ERR_clear_error();
  return fail(ErrorKind::invalid_input, "jwk.format", "This is not a key.", std::string(what));
}
std::unexpected<Error> unsupported(std::string_view what) {
  ERR_clear_error();
  return fail(ErrorKind::invalid_input, "jwk.unsupported", "Keys of this kind are not taken.",
              std::string(what));
}
Bytes number_bytes(const BIGNUM* number, std::size_t size) {
  Bytes out(std::max(size, static_cast<std::size_t>(BN_num_bytes(number))));
  DAYAQ_ASSERT(BN_bn2binpad(number, raw_out(out), static_cast<int>(out.size())) >= 0);
  return out;
}

BigNumber parameter(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  DAYAQ_ASSERT(EVP_PKEY_get_bn_param(key, name, &number) == 1);
  return BigNumber(number);
}

Result<Numbers> numbers_of(const EVP_PKEY* key) {
  Numbers out;
  if (EVP_PKEY_is_a(key, "EC")) {
    std::array<char, 64> group{};
    if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1 ||
        std::string_view(group.data()) != "prime256v1")
      return unsupported("another curve than P-256");
    out.first = number_bytes(parameter(key, OSSL_PKEY_PARAM_EC_PUB_X).get(), 32);
    out.second = number_bytes(parameter(key, OSSL_PKEY_PARAM_EC_PUB_Y).get(), 32);
  } else if (EVP_PKEY_is_a(key, "ED25519")) {
    out.type = JwkType::ed25519;
    out.first.resize(32);
    std::size_t size = 32;
    DAYAQ_ASSERT(EVP_PKEY_get_raw_public_key(key, raw_out(out.first), &size) == 1 && size == 32);
  } else if (EVP_PKEY_is_a(key, "RSA")) {
    const int bits = EVP_PKEY_get_bits(key);
    if (bits < rsa_bits_min || bits > rsa_bits_max) return bad("RSA takes 2048 to 4096 bits");
    out.type = JwkType::rsa;
    out.first = number_bytes(parameter(key, OSSL_PKEY_PARAM_RSA_N).get());
    out.second = number_bytes(parameter(key, OSSL_PKEY_PARAM_RSA_E).get());
  } else {
    return unsupported("another kind of key");
  }
  return out;
}
std::string bare_json_of(const Numbers& numbers) {
  std::string out;
  out.reserve(128 + numbers.first.size() * 2);
  const bool rsa = numbers.type == JwkType::rsa;
  out += rsa                             ? R"({"e":")"
         : numbers.type == JwkType::p256 ? R"({"crv":"P-256","kty":"EC","x":")"
                                         : R"({"crv":"Ed25519","kty":"OKP","x":")";
  append_base64url(out, rsa ? numbers.second : numbers.first);
  if (rsa) out += R"(","kty":"RSA","n":")";
  if (rsa) append_base64url(out, numbers.first);
  if (numbers.type == JwkType::p256) out += R"(","y":")";
  if (numbers.type == JwkType::p256) append_base64url(out, numbers.second);
  out += "\"}";
  return out;
}
PkeyHandle handle_of(const Numbers& numbers, const PrivateNumbers* secret) {
  if (numbers.type == JwkType::ed25519) {
    const BytesView bytes = secret == nullptr ? BytesView(numbers.first) : secret->values[0].view();
    return PkeyHandle(
        secret == nullptr
            ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw_bytes(bytes), bytes.size())
            : EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw_bytes(bytes), bytes.size()));
  }
  std::array<std::byte, 65> point{std::byte{4}};
  if (numbers.type == JwkType::p256) {
    std::copy(numbers.first.begin(), numbers.first.end(), point.begin() + 1);
    std::copy(numbers.second.begin(), numbers.second.end(), point.begin() + 33);
    if (secret == nullptr) return p256_from_point(point);
  }
  const int selection = secret == nullptr ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD* b = builder.get();
  DAYAQ_ASSERT(b != nullptr);
  std::vector<BigNumber> kept;  // the builder keeps pointers until to_param
  const auto push = [&](const char* name, BytesView bytes) {
    kept.push_back(big(bytes));
    DAYAQ_ASSERT(OSSL_PARAM_BLD_push_BN(b, name, kept.back().get()) == 1);
  };
  if (numbers.type == JwkType::p256) {
    DAYAQ_ASSERT(OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1);
    DAYAQ_ASSERT(OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) ==
                 1);
    push(OSSL_PKEY_PARAM_PRIV_KEY, secret->values[0].view());
    return from_params("EC", selection, b);
  }
  push(OSSL_PKEY_PARAM_RSA_N, numbers.first);
  push(OSSL_PKEY_PARAM_RSA_E, numbers.second);
  for (std::size_t i = 0; secret != nullptr && i < secret->values.size(); ++i)
    push(PrivateNumbers::rsa_parameters[i], secret->values[i].view());
  return from_params("RSA", selection, b);
}

std::optional<Bytes> base64_member(const JsonObject& jwk, std::string_view name, std::size_t size) {
  const auto text = jwk.text(name);
  if (!text || text->empty() || text->size() > 1024) return std::nullopt;
  auto bytes = from_base64url(*text);
  if (!bytes || (size != 0 && bytes->size() != size)) return std::nullopt;
  if (size == 0 && bytes->front() == std::byte{0}) return std::nullopt;  // RFC 7518 section 2, Base64urlUInt
  return std::move(*bytes);
}

Result<Numbers> numbers_of(const JsonObject& jwk) {
  const auto kty = jwk.text("kty");
  if (!kty) return bad("no kty");
  Numbers out;
  const bool rsa = *kty == "RSA";
  if (rsa) {
    out.type = JwkType::rsa;
  } else if (*kty == "EC" && jwk.text("crv") == "P-256") {
    out.type = JwkType::p256;
  } else if (*kty == "OKP" && jwk.text("crv") == "Ed25519") {
    out.type = JwkType::ed25519;
  } else {
    return unsupported("another kty or crv");
  }
  auto first = base64_member(jwk, rsa ? "n" : "x", rsa ? 0 : 32);
  if (!first) return bad("x or n");
  out.first = std::move(*first);
  if (out.type == JwkType::ed25519) return out;
  auto second = base64_member(jwk, rsa ? "e" : "y", rsa ? 0 : 32);
  if (!second) return bad("y or e");
  out.second = std::move(*second);
  if (!rsa) return out;
  const auto size = static_cast<int>(out.first.size()) * 8;
  if (size < rsa_bits_min || size > rsa_bits_max || (out.first[0] & std::byte{0x80}) == std::byte{0})
    return bad("RSA takes 2048 to 4096 bits");
  // An exponent beyond 32 bits only makes verifying slow; 1 makes every message its own signature.
  const bool odd = (out.second.back() & std::byte{1}) != std::byte{0};
  if (out.second.size() > 4 || !odd || (out.second.size() == 1 && out.second[0] == std::byte{1}) ||
      (out.first.back() & std::byte{1}) == std::byte{0})
    return bad("an RSA exponent or modulus that can't be");
  return out;
}
}  // namespace dayaq::crypto::jwk_numbers
