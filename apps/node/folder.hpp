// The data folder's files: configuration and keys.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/siphash.hpp"
#include "crypto/cose.hpp"
#include "crypto/key_store.hpp"
#include "crypto/sign.hpp"

namespace dayaq::node {

/// The hardware token that holds signing keys: `keys: {pkcs11: {module, token, pin_file}}`.
struct TokenSettings {
  std::filesystem::path module;    ///< its PKCS #11 library
  std::string token;               ///< its label
  std::filesystem::path pin_file;  ///< absolute, or as seen from the data folder
};

/// The SMS gateway: `sms: {kannel_url, secret, number, address}`.
struct SmsSettings {
  std::string kannel_url;  ///< smsbox's sendsms port: "http://127.0.0.1:13013"
  std::string secret;      ///< both ways: at the node's door, and of smsbox's user `dayaq`
  std::string number;      ///< the short number
  bool notices = true;     ///< messages that nobody asked for by message: `notices: false` sends none
  std::vector<std::string> addresses;  ///< that may bring messages; kannel_url's host if the file names none
};

/// Identity cards: `cards: {url, authorities, ...}`. Files and folders are absolute, or as seen from the data
/// folder.
struct CardSettings {
  std::string url;  ///< "https://id.example.az:8444": where browsers are asked for a certificate
  std::filesystem::path authorities;    ///< PEM: the roots that cards lead to
  std::filesystem::path intermediates;  ///< PEM: those that issue cards; "" for none
  std::filesystem::path lists;          ///< folder of revocation lists, NAME.crl; "" for none
  std::string responder;                ///< an OCSP responder's address; "" for none
  bool unchecked = false;               ///< `revocation: none`: nobody asks whether a card was revoked
  std::string country = "AZ";           ///< of serial numbers such as PNOAZ-5ABC123
  std::vector<std::string> proxies;     ///< addresses of TLS terminators whose header Client-Cert is believed
};

/// dayaq.yaml as read.
struct Configuration {
  std::string database;  ///< as store::Options::url wants it
  std::string origin;    ///< the audit log's name for ever
  bool synthetic = false;
  std::string url;  ///< the public address, "" if the file names none: then that of this machine
  /// `plain_api_keys: true`: organisations' keys are taken themselves too, for programs that fetch no tokens.
  bool plain_api_keys = false;
  /// Of e-services on the web, while more come than can be served: `surge: {admitted_a_second: 1500}`.
  double admitted_a_second = 1500;
  std::optional<SmsSettings> sms;      ///< none: nobody's messages are taken
  std::optional<CardSettings> cards;   ///< none: no identity cards
  std::optional<TokenSettings> token;  ///< none: files hold the signing keys
  /// How long a key signs permits: `permit_keys: {rotate_days: 365}`; 0: until somebody rotates.
  std::chrono::days permit_keys_rotate{365};
  /// The socket of clamd, which scans what people attach: `clamd: /path`. Debian's, if the file names none.
  std::filesystem::path clamd = "/run/clamav/clamd.ctl";
};

/// not_found "node.missing", invalid_input "node.configuration" with the line.
Result<Configuration> read_configuration(const std::filesystem::path& data);
/// Makes the folder with its keys. conflict "node.exists".
Result<void> create_folder(const std::filesystem::path& data, const std::string& database,
                           const std::string& origin, bool synthetic, Random& random);

Result<crypto::SigningKey> read_audit_key(const std::filesystem::path& data);
/// The key that signs the feed's blocks; made if the folder has none, as folders of older versions.
Result<crypto::SigningKey> read_feed_key(const std::filesystem::path& data, Random& random);
/// The first key that signs permits (Ed25519); made if the folder has none, as folders of older versions.
Result<crypto::SigningKey> read_permit_key(const std::filesystem::path& data, Random& random);
/// What encrypts secrets at rest and the digital ID's keys; made if the folder has none, as folders of older
/// versions. Errors of crypto::MasterKey::load.
Result<crypto::MasterKey> read_master_key(const std::filesystem::path& data, Random& random);
/// Logs in to the token that the configuration names; null if it names none. invalid_input "node.pin" if the
/// file with its PIN is missing, another's, readable by others or empty; errors of crypto::open_pkcs11.
Result<std::shared_ptr<crypto::KeyToken>> open_token(const Configuration& configuration,
                                                     const std::filesystem::path& data);
/// invalid_input "node.secret" if the file isn't 32 hexadecimal digits.
Result<SipKey> read_registry_secret(const std::filesystem::path& data);
/// A key for people at this machine: readable by the owner alone.
Result<void> write_key(const std::filesystem::path& data, const std::string& name, const std::string& key);

}  // namespace dayaq::node
