#include "feed/edge_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/file.hpp"
#include "base/ids.hpp"
#include "crypto/jwt_json.hpp"

namespace dayaq::feed {
namespace {

constexpr std::string_view prefix = "edge:";
constexpr std::size_t hash_digits = 16;
constexpr std::size_t file_bytes_max = 4096, id_bytes_max = 256;
constexpr auto owner_only = std::filesystem::perms(0600);

std::unexpected<Error> bad_file(const std::filesystem::path& path) {
  return fail(
      ErrorKind::invalid_input, "edge.client",
      fmt::format("The file {} must hold this edge's client: a private Ed25519 JWK with client_id, as "
                  "its enrolment wrote it.",
                  path.string()));
}

}  // namespace

std::string edge_client_id(std::string_view operator_code, std::string_view edge,
                           const crypto::PublicKey& key) {
  return fmt::format("{}{}:{}:{}", prefix, operator_code, edge,
                     to_hex(crypto::sha256(key)).substr(0, hash_digits));
}

std::optional<EdgeClientName> parse_edge_client_id(std::string_view id) {
  if (!id.starts_with(prefix)) return std::nullopt;
  id.remove_prefix(prefix.size());
  const std::size_t first = id.find(':'), last = id.rfind(':');
  if (first == std::string_view::npos || first == last || id.size() - last - 1 != hash_digits) {
    return std::nullopt;
  }
  const EdgeClientName name{.operator_code = id.substr(0, first),
                            .edge = id.substr(first + 1, last - first - 1)};
  if (!is_code(name.operator_code) || !is_code(name.edge)) return std::nullopt;
  return name;
}

EdgeClient EdgeClient::make(std::string_view operator_code, std::string_view edge) {
  EdgeClient out{.id = {}, .key = crypto::JwkPrivate::generate(crypto::JwsAlgorithm::eddsa)};
  out.id = edge_client_id(operator_code, edge, out.public_key());
  return out;
}

Result<EdgeClient> EdgeClient::read(const std::filesystem::path& path) {
  DAYAQ_TRY(std::string text, read_file(path, file_bytes_max));
  const auto text_secret = crypto::SecretBytes::take(std::as_writable_bytes(std::span<char>(text)));
  const std::string_view json = as_text(text_secret.view());
  const auto object = crypto::JsonObject::parse_view(json);
  const auto id = object ? object->text("client_id") : std::nullopt;
  auto key = crypto::JwkPrivate::parse(json);
  if (!key || key->algorithm() != crypto::JwsAlgorithm::eddsa || !id || id->empty() ||
      id->size() > id_bytes_max) {
    return bad_file(path);
  }
  return EdgeClient{.id = std::string(*id), .key = std::move(*key)};
}

Result<void> EdgeClient::write(const std::filesystem::path& path) const {
  const crypto::SecretBytes jwk = key.to_json();
  std::string head = R"({"client_id":)";
  crypto::append_json_text(head, id);
  head += ',';
  // In place of the JWK's opening brace.
  crypto::SecretBytes text(head.size() + jwk.size() - 1);
  const auto rest = std::ranges::copy(as_bytes(head), text.writable().begin()).out;
  std::ranges::copy(jwk.view().subspan(1), rest);
  return write_file_atomically(path, text.view(), owner_only);
}

crypto::PublicKey EdgeClient::public_key() const {
  crypto::PublicKey out{};
  const auto jwk = crypto::JsonObject::parse_view(key.public_key().bare_json());
  DAYAQ_ASSERT(jwk);
  const auto x = from_base64url(jwk->text("x").value_or(""));
  DAYAQ_ASSERT(x && x->size() == out.size());  // RFC 8037: of Ed25519 it is the key itself
  std::ranges::copy(*x, out.begin());
  return out;
}

Result<crypto::JwkPublic> edge_client_jwk(const crypto::PublicKey& key) {
  return crypto::JwkPublic::parse(fmt::format(
      R"({{"alg":"EdDSA","crv":"Ed25519","kty":"OKP","use":"sig","x":"{}"}})", to_base64url(key)));
}

}  // namespace dayaq::feed
