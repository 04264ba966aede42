#include "folder.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include "base/file.hpp"
#include "base/log.hpp"
#include "crypto/pkcs11.hpp"

namespace dayaq::node {
namespace {

constexpr auto owner_only = std::filesystem::perms(0600);

/// `keys`, whose only part is `pkcs11`. A name that is misspelt would leave the keys in files, so that it is
/// refused.
Result<std::optional<TokenSettings>> read_token_settings(const YAML::Node& keys) {
  const auto refused = [] {
    return fail(
        ErrorKind::invalid_input, "node.configuration",
        "In dayaq.yaml `keys` must be {pkcs11: {module: FILE, token: LABEL, pin_file: FILE}}, with all "
        "three and nothing else.");
  };
  if (!keys || keys.IsNull()) return std::optional<TokenSettings>();
  if (!keys.IsMap() || keys.size() != 1) return refused();
  const YAML::Node held = keys["pkcs11"];
  if (!held || !held.IsMap() || held.size() != 3) return refused();
  TokenSettings out{.module = held["module"].as<std::string>(""),
                    .token = held["token"].as<std::string>(""),
                    .pin_file = held["pin_file"].as<std::string>("")};
  if (out.module.empty() || out.token.empty() || out.pin_file.empty()) return refused();
  return std::optional(std::move(out));
}

/// `sms`: all of kannel_url, secret and number, perhaps address. A name that is misspelt is refused.
Result<std::optional<SmsSettings>> read_sms_settings(const YAML::Node& sms) {
  const auto refused = [] {
    return fail(
        ErrorKind::invalid_input, "node.configuration",
        "In dayaq.yaml `sms` must be {kannel_url: http://HOST:PORT, secret: TEXT of 16 or more, number: "
        "DIGITS}, perhaps with address: IP and notices: false, and nothing else.");
  };
  if (!sms || sms.IsNull()) return std::optional<SmsSettings>();
  if (!sms.IsMap()) return refused();
  SmsSettings out{.kannel_url = sms["kannel_url"].as<std::string>(""),
                  .secret = sms["secret"].as<std::string>(""),
                  .number = sms["number"].as<std::string>(""),
                  .addresses = {}};
  const std::string address = sms["address"].as<std::string>("");
  const auto named = [&](const char* name) { return sms[name] ? 1u : 0u; };
  if (sms.size() != 3u + (address.empty() ? 0u : 1u) + named("notices")) return refused();
  if (named("notices") == 1u) {
    const std::string text = sms["notices"].as<std::string>("");
    if (text != "true" && text != "false") return refused();
    out.notices = text == "true";
  }
  const std::size_t host = out.kannel_url.find("://");
  if (host == std::string::npos || out.secret.size() < 16 || out.number.empty()) return refused();
  const std::size_t end = out.kannel_url.find_first_of(":/", host + 3);
  out.addresses.push_back(address.empty() ? out.kannel_url.substr(host + 3, end - host - 3) : address);
  return std::optional(std::move(out));
}

/// `cards`. What is misspelt is refused: a list that isn't asked would let stolen cards in.
Result<std::optional<CardSettings>> read_card_settings(const YAML::Node& cards,
                                                       const std::filesystem::path& data) {
  const auto refused = [](std::string_view what) {
    return fail(ErrorKind::invalid_input, "node.configuration",
                fmt::format("In dayaq.yaml `cards` {}.", what));
  };
  if (!cards || cards.IsNull()) return std::optional<CardSettings>();
  if (!cards.IsMap()) return refused("must be a map");
  CardSettings out;
  for (const auto& entry : cards) {
    const auto name = entry.first.as<std::string>();
    if (name == "proxies") {
      for (const YAML::Node& one : entry.second) out.proxies.push_back(one.as<std::string>());
      continue;
    }
    const auto text = entry.second.as<std::string>();
    if (name == "url") {
      out.url = text;
    } else if (name == "country") {
      out.country = text;
    } else if (name == "authorities") {
      out.authorities = data / text;
    } else if (name == "intermediates") {
      out.intermediates = data / text;
    } else if (name == "revocation_lists") {
      out.lists = data / text;
    } else if (name == "ocsp") {
      out.responder = text;
    } else if (name == "revocation" && text == "none") {
      out.unchecked = true;
    } else {
      return refused(fmt::format("has `{}`, which isn't known", name));
    }
  }
  const bool asked = !out.lists.empty() || !out.responder.empty();
  if (!out.url.starts_with("https://") || out.url.find('/', 8) != std::string::npos) {
    return refused("needs `url`, an https address without a path");
  }
  if (out.authorities.empty()) return refused("needs `authorities`, a PEM file");
  if (asked == out.unchecked) {
    return refused("needs `revocation_lists` or `ocsp`, or says `revocation: none`");
  }
  return std::optional(std::move(out));
}

/// `permit_keys`: a week at least, since the next key is announced two days before it signs.
Result<std::chrono::days> read_permit_key_days(const YAML::Node& keys, std::chrono::days usual) {
  if (!keys || keys.IsNull()) return usual;
  const int days =
      keys.IsMap() && keys.size() == 1 && keys["rotate_days"] ? keys["rotate_days"].as<int>(-1) : -1;
  if (days == 0 || (days >= 7 && days <= 3660)) return std::chrono::days(days);
  return fail(ErrorKind::invalid_input, "node.configuration",
              "In dayaq.yaml `permit_keys` must be {rotate_days: N} with N from 7 to 3660, or 0 for never.");
}

std::unexpected<Error> bad_pin(std::string_view why, const std::filesystem::path& path) {
  return fail(ErrorKind::invalid_input, "node.pin",
              fmt::format("The token's PIN can't be read from {}: {}.", path.string(), why));
}

/// The file's first line.
Result<crypto::SecretBytes> read_pin(const std::filesystem::path& path) {
  struct stat state{};
  if (::stat(path.c_str(), &state) != 0) return bad_pin("there is no such file", path);
  if (!S_ISREG(state.st_mode)) return bad_pin("it isn't a plain file", path);
  if ((state.st_mode & 0177) != 0) return bad_pin("others may read it (it must be 0600)", path);
  if (state.st_uid != ::geteuid()) return bad_pin("it is somebody else's", path);
  DAYAQ_TRY(std::string text, read_file(path, 256));
  const std::string_view line = std::string_view(text).substr(0, text.find_first_of("\r\n"));
  Bytes pin(as_bytes(line).begin(), as_bytes(line).end());
  crypto::wipe(std::as_writable_bytes(std::span(text)));
  if (pin.empty()) return bad_pin("it is empty", path);
  return crypto::SecretBytes::take(pin);
}

}  // namespace

Result<Configuration> read_configuration(const std::filesystem::path& data) {
  const auto path = data / "dayaq.yaml";
  auto text = read_file(path, 1 << 16);
  if (!text) {
    return fail(ErrorKind::not_found, "node.missing",
                fmt::format("There is no node in {}. Make one with: dayaq init --data {}", data.string(),
                            data.string()));
  }
  Configuration configuration;
  try {
    const YAML::Node root = YAML::Load(*text);
    configuration.database = root["database"].as<std::string>("");
    configuration.origin = root["origin"].as<std::string>("");
    configuration.synthetic = root["synthetic"].as<bool>(false);
    configuration.url = root["url"].as<std::string>("");
    configuration.plain_api_keys = root["plain_api_keys"].as<bool>(false);
    configuration.clamd = root["clamd"].as<std::string>(configuration.clamd.string());
    if (const YAML::Node surge = root["surge"]) {
      configuration.admitted_a_second =
          surge["admitted_a_second"].as<double>(configuration.admitted_a_second);
      if (!(configuration.admitted_a_second >= 1 && configuration.admitted_a_second <= 1e6)) {
        return fail(
            ErrorKind::invalid_input, "node.configuration",
            fmt::format("{}: surge's `admitted_a_second` is a number from 1 to 1000000.", path.string()));
      }
    }
    DAYAQ_TRY(configuration.token, read_token_settings(root["keys"]));
    DAYAQ_TRY(configuration.permit_keys_rotate,
              read_permit_key_days(root["permit_keys"], configuration.permit_keys_rotate));
    DAYAQ_TRY(configuration.sms, read_sms_settings(root["sms"]));
    DAYAQ_TRY(configuration.cards, read_card_settings(root["cards"], data));
  } catch (const YAML::Exception& wrong) {
    return fail(ErrorKind::invalid_input, "node.configuration",
                fmt::format("{} can't be read: {}", path.string(), wrong.what()));
  }
  if (configuration.database.empty() || configuration.origin.empty()) {
    return fail(ErrorKind::invalid_input, "node.configuration",
                fmt::format("{} must have `database` and `origin`.", path.string()));
  }
  if (configuration.database == "sqlite") configuration.database = "sqlite:" + (data / "dayaq.db").string();
  return configuration;
}

Result<void> create_folder(const std::filesystem::path& data, const std::string& database,
                           const std::string& origin, bool synthetic, Random& random) {
  if (std::filesystem::exists(data / "dayaq.yaml")) {
    return fail(ErrorKind::conflict, "node.exists",
                fmt::format("There is a node in {} already. Choose another folder, or delete this one.",
                            data.string()));
  }
  std::error_code failed;
  std::filesystem::create_directories(data / "keys", failed);
  if (failed) {
    return fail(ErrorKind::unavailable, "file.write",
                fmt::format("The folder {} can't be made: {}.", data.string(), failed.message()));
  }
  std::filesystem::permissions(data / "keys", std::filesystem::perms::owner_all, failed);
  const std::string pem = crypto::SigningKey::generate(random).to_pem();
  DAYAQ_TRY_OK(write_file_atomically(data / "keys" / "audit.pem", as_bytes(pem), owner_only));
  const std::string feed_pem = crypto::SigningKey::generate(random).to_pem();
  DAYAQ_TRY_OK(write_file_atomically(data / "keys" / "feed.pem", as_bytes(feed_pem), owner_only));
  const std::string permit_pem = crypto::SigningKey::generate(random).to_pem();
  DAYAQ_TRY_OK(write_file_atomically(data / "keys" / "permits.pem", as_bytes(permit_pem), owner_only));
  std::array<std::byte, 16> secret{};
  random.fill(secret);
  DAYAQ_TRY_OK(
      write_file_atomically(data / "keys" / "registry.hex", as_bytes(to_hex(secret) + "\n"), owner_only));
  DAYAQ_TRY_OK(crypto::MasterKey::create(data / "keys" / "master.hex", random));
  const std::string text = fmt::format(
      "# A Dayaq node. Written by `dayaq init`; `database` may be `sqlite` (in this folder) or "
      "postgresql://...\n"
      "database: {}\norigin: {}\nsynthetic: {}\n"
      "# The public address, which browsers and relying parties know: passkeys are bound to its host for "
      "ever.\n"
      "# url: https://id.example.az\n",
      database.empty() ? "sqlite" : database, origin, synthetic);
  // Last, since its presence says that the folder is whole.
  return write_file_atomically(data / "dayaq.yaml", as_bytes(text));
}

Result<crypto::SigningKey> read_audit_key(const std::filesystem::path& data) {
  DAYAQ_TRY(const std::string pem, read_file(data / "keys" / "audit.pem", 1 << 14));
  return crypto::SigningKey::from_pem(pem);
}

Result<crypto::SigningKey> read_feed_key(const std::filesystem::path& data, Random& random) {
  const auto path = data / "keys" / "feed.pem";
  if (!std::filesystem::exists(path)) {
    const crypto::SigningKey key = crypto::SigningKey::generate(random);
    log::warning("node.feed_key", "a new key signs the feed: the folder had none",
                 {{"public_key", to_hex(key.public_key())}});
    DAYAQ_TRY_OK(write_file_atomically(path, as_bytes(key.to_pem()), owner_only));
  }
  DAYAQ_TRY(const std::string pem, read_file(path, 1 << 14));
  return crypto::SigningKey::from_pem(pem);
}

Result<crypto::SigningKey> read_permit_key(const std::filesystem::path& data, Random& random) {
  const auto path = data / "keys" / "permits.pem";
  if (!std::filesystem::exists(path)) {
    const crypto::SigningKey key = crypto::SigningKey::generate(random);
    log::warning("node.permit_key", "a new key signs permits: the folder had none",
                 {{"public_key", to_hex(key.public_key())}});
    DAYAQ_TRY_OK(write_file_atomically(path, as_bytes(key.to_pem()), owner_only));
  }
  DAYAQ_TRY(const std::string pem, read_file(path, 1 << 14));
  return crypto::SigningKey::from_pem(pem);
}

Result<crypto::MasterKey> read_master_key(const std::filesystem::path& data, Random& random) {
  const auto path = data / "keys" / "master.hex";
  if (!std::filesystem::exists(path)) {
    log::warning("node.master_key", "a new master key encrypts secrets: the folder had none");
    DAYAQ_TRY_OK(crypto::MasterKey::create(path, random));
  }
  return crypto::MasterKey::load(path);
}

Result<std::shared_ptr<crypto::KeyToken>> open_token(const Configuration& configuration,
                                                     const std::filesystem::path& data) {
  if (!configuration.token) return std::shared_ptr<crypto::KeyToken>();
  const TokenSettings& settings = *configuration.token;
  DAYAQ_TRY(crypto::SecretBytes pin, read_pin(data / settings.pin_file));
  return crypto::open_pkcs11({.module = settings.module, .token = settings.token, .pin = std::move(pin)});
}

Result<SipKey> read_registry_secret(const std::filesystem::path& data) {
  const auto path = data / "keys" / "registry.hex";
  DAYAQ_TRY(std::string text, read_file(path, 1 << 10));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  auto bytes = from_hex(text);
  if (!bytes || bytes->size() != 16) {
    return fail(ErrorKind::invalid_input, "node.secret",
                fmt::format("{} must hold 32 hexadecimal digits. Put the right file back.", path.string()));
  }
  return sip_key(std::span<const std::byte, 16>(bytes->data(), 16));
}

Result<void> write_key(const std::filesystem::path& data, const std::string& name, const std::string& key) {
  return write_file_atomically(data / "keys" / (name + ".key"), as_bytes(key + "\n"), owner_only);
}

}  // namespace dayaq::node
