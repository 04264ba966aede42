#include "crypto/jwk.hpp"

namespace dayaq::crypto {
namespace {

constexpr std::size_t jwks_bytes_max = 65536;
constexpr std::size_t jwks_keys_max = 64;

}  // namespace

Result<JwkSet> JwkSet::parse(std::string_view json) {
  const auto bad_set = [](std::string_view what) {
    return fail(ErrorKind::invalid_input, "jwk.set", "This is not a set of keys.", std::string(what));
  };
  if (json.size() > jwks_bytes_max) return bad_set("too large");
  const auto set = JsonObject::parse_view(json);
  const auto keys = set ? set->objects("keys") : std::nullopt;
  if (!keys) return bad_set("no array of keys");
  if (keys->size() > jwks_keys_max) return bad_set("too many keys");
  std::vector<JwkPublic> out;
  for (const std::string_view key : *keys) {
    auto parsed = JwkPublic::parse(key);
    if (parsed) {
      out.push_back(std::move(*parsed));
    } else if (parsed.error().code == "jwk.private") {
      return std::unexpected(std::move(parsed).error());
    }
  }
  return JwkSet(std::move(out));
}

std::string JwkSet::to_json() const {
  std::string out = R"({"keys":[)";
  for (const JwkPublic& key : keys_) {
    if (out.back() == '}') out += ',';
    out += key.to_json();
  }
  out += "]}";
  return out;
}

const JwkPublic* JwkSet::find(std::optional<std::string_view> kid, JwsAlgorithm algorithm) const {
  const JwkPublic* found = nullptr;
  for (const JwkPublic& key : keys_) {
    if (!key.fits(algorithm) || (kid && key.kid() != *kid)) continue;
    if (found != nullptr) return nullptr;
    found = &key;
  }
  return found;
}

}  // namespace dayaq::crypto
