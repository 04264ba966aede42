#include "crypto/pkcs11.hpp"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>

#include <array>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "crypto/sign.hpp"

namespace dayaq::crypto {
namespace {

constexpr std::size_t coordinate = 32;
// DER: OBJECT IDENTIFIER prime256v1 (RFC 5480 section 2.1.1.1).
constexpr std::array<CK_BYTE, 10> p256{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

std::unexpected<Error> failed(std::string_view what, CK_RV code) {
  char number[32];
  std::snprintf(number, sizeof number, ": 0x%lx", code);
  return fail(ErrorKind::unavailable, "keys.token",
              "The token that holds the signing keys can't be used. Look at its module, label and PIN.",
              std::string(what) + number);
}

CK_BYTE* raw(std::span<const std::byte> bytes) {
  // The interface takes pointers to what it only reads.
  return reinterpret_cast<CK_BYTE*>(const_cast<std::byte*>(bytes.data()));
}

template <class T>
CK_ATTRIBUTE attribute(CK_ATTRIBUTE_TYPE type, T& value) {
  return {type, &value, sizeof value};
}
CK_ATTRIBUTE text_attribute(CK_ATTRIBUTE_TYPE type, std::string_view text) {
  return {type, const_cast<char*>(text.data()), text.size()};
}

/// The module and its sessions with one token.
class Token {
 public:
  Token() = default;
  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;
  ~Token() {
    if (functions_ != nullptr) {
      for (const CK_SESSION_HANDLE session : free_) functions_->C_CloseSession(session);
      if (login_ != CK_INVALID_HANDLE) functions_->C_CloseSession(login_);
      if (initialised_) functions_->C_Finalize(nullptr);
    }
    if (module_ != nullptr) ::dlclose(module_);
  }

  Result<void> open(const Pkcs11Options& options) {
    module_ = ::dlopen(options.module.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (module_ == nullptr) return failed(options.module.string(), 0);
    const auto list = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(module_, "C_GetFunctionList"));
    if (list == nullptr || list(&functions_) != CKR_OK) return failed("C_GetFunctionList", 0);
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    if (const CK_RV code = functions_->C_Initialize(&arguments); code == CKR_OK) {
      initialised_ = true;
    } else if (code != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
      return failed("C_Initialize", code);
    }
    DAYAQ_TRY_OK(find_slot(options.token));
    DAYAQ_TRY(login_, new_session());
    const BytesView pin = options.pin.view();
    const CK_RV code = functions_->C_Login(login_, CKU_USER, raw(pin), pin.size());
    if (code != CKR_OK && code != CKR_USER_ALREADY_LOGGED_IN) return failed("C_Login", code);
    return {};
  }

  /// Gives `use` a session of its own and the functions; a session that failed isn't used again.
  template <class F>
  CK_RV with_session(F&& use) const {
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    {
      const std::scoped_lock lock(mutex_);
      if (!free_.empty()) {
        session = free_.back();
        free_.pop_back();
      }
    }
    if (session == CK_INVALID_HANDLE) {
      const auto opened = new_session();
      if (!opened) return CKR_SESSION_HANDLE_INVALID;
      session = *opened;
    }
    const CK_RV code = use(*functions_, session);
    if (code != CKR_OK) {
      functions_->C_CloseSession(session);
      return code;
    }
    const std::scoped_lock lock(mutex_);
    free_.push_back(session);
    return code;
  }

 private:
  Result<void> find_slot(std::string_view label) {
    CK_ULONG count = 0;
    CK_RV code = functions_->C_GetSlotList(CK_TRUE, nullptr, &count);
    std::vector<CK_SLOT_ID> slots(count);
    if (code == CKR_OK) code = functions_->C_GetSlotList(CK_TRUE, slots.data(), &count);
    if (code != CKR_OK) return failed("C_GetSlotList", code);
    for (const CK_SLOT_ID slot : slots) {
      CK_TOKEN_INFO info{};
      if (functions_->C_GetTokenInfo(slot, &info) != CKR_OK) continue;
      std::string_view found(reinterpret_cast<const char*>(info.label), sizeof info.label);
      found = found.substr(0, found.find_last_not_of(' ') + 1);  // padded with blanks
      if (found != label) continue;
      slot_ = slot;
      return {};
    }
    return failed("no token has this label", 0);
  }

  Result<CK_SESSION_HANDLE> new_session() const {
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    const CK_RV code =
        functions_->C_OpenSession(slot_, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session);
    if (code != CKR_OK) return failed("C_OpenSession", code);
    return session;
  }

  void* module_ = nullptr;
  CK_FUNCTION_LIST* functions_ = nullptr;
  bool initialised_ = false;
  CK_SLOT_ID slot_ = 0;
  CK_SESSION_HANDLE login_ = CK_INVALID_HANDLE;  ///< stays open: the login lasts as long as a session does
  mutable std::mutex mutex_;
  mutable std::vector<CK_SESSION_HANDLE> free_;  ///< under mutex_
};

/// A key of the token. Shares the token with the others and with what opened it.
class Held final : public KeyHolder {
 public:
  Held(std::shared_ptr<const Token> token, CK_OBJECT_HANDLE key) : token_(std::move(token)), key_(key) {}

  [[nodiscard]] bool sign_hash(BytesView hash, std::span<std::byte> out) const override {
    // Once more with another session: a token that was reset has forgotten this one.
    return sign(hash, out) || sign(hash, out);
  }

 private:
  [[nodiscard]] bool sign(BytesView hash, std::span<std::byte> out) const {
    CK_ULONG size = out.size();
    const CK_RV code = token_->with_session([&](CK_FUNCTION_LIST& token, CK_SESSION_HANDLE session) {
      CK_MECHANISM ecdsa{CKM_ECDSA, nullptr, 0};
      const CK_RV begun = token.C_SignInit(session, &ecdsa, key_);
      if (begun != CKR_OK) return begun;
      return token.C_Sign(session, raw(hash), hash.size(), reinterpret_cast<CK_BYTE*>(out.data()), &size);
    });
    return code == CKR_OK && size == out.size();
  }

  std::shared_ptr<const Token> token_;
  CK_OBJECT_HANDLE key_;
};

class Pkcs11 final : public KeyToken {
 public:
  explicit Pkcs11(std::shared_ptr<const Token> token) : token_(std::move(token)) {}

  [[nodiscard]] bool takes(JwsAlgorithm algorithm) const override { return algorithm == JwsAlgorithm::es256; }

  Result<JwkPrivate> generate(JwsAlgorithm algorithm) override {
    DAYAQ_ASSERT(takes(algorithm));
    std::array<std::byte, 16> id{};
    SystemRandom().fill(id);
    CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE, private_key = CK_INVALID_HANDLE;
    std::string kid;
    std::optional<JwkPublic> jwk;
    const CK_RV code = token_->with_session([&](CK_FUNCTION_LIST& token, CK_SESSION_HANDLE session) {
      CK_RV made = make_pair(token, session, id, public_key, private_key);
      if (made != CKR_OK) return made;
      jwk = read_public(token, session, public_key);
      if (!jwk) return CK_RV(CKR_GENERAL_ERROR);
      kid = jwk->kid();
      CK_ATTRIBUTE label = text_attribute(CKA_LABEL, kid);
      made = token.C_SetAttributeValue(session, public_key, &label, 1);
      return made == CKR_OK ? token.C_SetAttributeValue(session, private_key, &label, 1) : made;
    });
    if (code != CKR_OK) return failed("making a key", code);
    return JwkPrivate::held(algorithm, *std::move(jwk), std::make_shared<const Held>(token_, private_key));
  }

  Result<JwkPrivate> load(std::string_view kid) override {
    CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE, private_key = CK_INVALID_HANDLE;
    std::optional<JwkPublic> jwk;
    const CK_RV code = token_->with_session([&](CK_FUNCTION_LIST& token, CK_SESSION_HANDLE session) {
      private_key = find(token, session, kid, CKO_PRIVATE_KEY);
      public_key = find(token, session, kid, CKO_PUBLIC_KEY);
      if (public_key != CK_INVALID_HANDLE) jwk = read_public(token, session, public_key);
      return CK_RV(CKR_OK);
    });
    if (code != CKR_OK) return failed("finding a key", code);
    if (private_key == CK_INVALID_HANDLE || !jwk || jwk->kid() != kid)
      return fail(ErrorKind::not_found, "keys.token_key", "The token doesn't hold this signing key.",
                  std::string(kid));
    return JwkPrivate::held(JwsAlgorithm::es256, *std::move(jwk),
                            std::make_shared<const Held>(token_, private_key));
  }

  Result<void> remove(std::string_view kid) override {
    const CK_RV code = token_->with_session([&](CK_FUNCTION_LIST& token, CK_SESSION_HANDLE session) {
      for (const CK_OBJECT_CLASS kind : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
        const CK_OBJECT_HANDLE object = find(token, session, kid, kind);
        if (object == CK_INVALID_HANDLE) continue;
        if (const CK_RV gone = token.C_DestroyObject(session, object); gone != CKR_OK) return gone;
      }
      return CK_RV(CKR_OK);
    });
    if (code != CKR_OK) return failed("deleting a key", code);
    return {};
  }

 private:
  static CK_RV make_pair(CK_FUNCTION_LIST& token, CK_SESSION_HANDLE session, std::span<std::byte> id,
                         CK_OBJECT_HANDLE& public_key, CK_OBJECT_HANDLE& private_key) {
    CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    auto curve = p256;
    const CK_ATTRIBUTE named{CKA_ID, id.data(), id.size()};
    std::array of_public{attribute(CKA_TOKEN, yes), attribute(CKA_VERIFY, yes),
                         attribute(CKA_EC_PARAMS, curve), named};
    std::array of_private{attribute(CKA_TOKEN, yes),     attribute(CKA_PRIVATE, yes),
                          attribute(CKA_SENSITIVE, yes), attribute(CKA_EXTRACTABLE, no),
                          attribute(CKA_SIGN, yes),      named};
    return token.C_GenerateKeyPair(session, &mechanism, of_public.data(), of_public.size(), of_private.data(),
                                   of_private.size(), &public_key, &private_key);
  }

  static CK_OBJECT_HANDLE find(CK_FUNCTION_LIST& token, CK_SESSION_HANDLE session, std::string_view kid,
                               CK_OBJECT_CLASS kind) {
    std::array wanted{attribute(CKA_CLASS, kind), text_attribute(CKA_LABEL, kid)};
    CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
    CK_ULONG count = 0;
    if (token.C_FindObjectsInit(session, wanted.data(), wanted.size()) != CKR_OK) return CK_INVALID_HANDLE;
    const CK_RV code = token.C_FindObjects(session, &found, 1, &count);
    token.C_FindObjectsFinal(session);
    return code == CKR_OK && count == 1 ? found : CK_INVALID_HANDLE;
  }

  /// CKA_EC_POINT is a DER OCTET STRING with the uncompressed point: 04 41 04 X Y.
  static std::optional<JwkPublic> read_public(CK_FUNCTION_LIST& token, CK_SESSION_HANDLE session,
                                              CK_OBJECT_HANDLE key) {
    std::array<std::byte, 128> point{};
    CK_ATTRIBUTE asked{CKA_EC_POINT, point.data(), point.size()};
    if (token.C_GetAttributeValue(session, key, &asked, 1) != CKR_OK) return std::nullopt;
    constexpr std::size_t head = 3;
    const bool good = asked.ulValueLen == head + 2 * coordinate && point[0] == std::byte(0x04) &&
                      point[1] == std::byte(0x41) && point[2] == std::byte(0x04);
    if (!good) return std::nullopt;
    const BytesView numbers = BytesView(point).subspan(head, 2 * coordinate);
    auto jwk =
        JwkPublic::parse(R"({"kty":"EC","crv":"P-256","x":")" + to_base64url(numbers.first(coordinate)) +
                         R"(","y":")" + to_base64url(numbers.last(coordinate)) + "\"}");
    if (!jwk) return std::nullopt;
    return std::move(*jwk);
  }

  std::shared_ptr<const Token> token_;
};

}  // namespace

Result<std::shared_ptr<KeyToken>> open_pkcs11(Pkcs11Options options) {
  auto token = std::make_shared<Token>();
  DAYAQ_TRY_OK(token->open(options));
  return std::make_shared<Pkcs11>(std::move(token));
}

}  // namespace dayaq::crypto
