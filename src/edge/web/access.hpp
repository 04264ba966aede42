// Who may ask this edge: the holders of the tokens in the operator's own file.
#pragma once

#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "http/principal.hpp"

namespace dayaq::edge::web {

/// All holders may ask, count and follow the journal (Scope::grants_decide and feed_read). Thread-safe.
class Access final : public http::Authenticator {
 public:
  Access(std::string operator_code, std::vector<std::string> tokens);
  [[nodiscard]] Result<http::Principal> authenticate(const http::Credentials& credentials) const override;
  void replace(std::vector<std::string> tokens);  ///< at a reload

 private:
  const std::string operator_code_;
  mutable std::shared_mutex mutex_;
  std::vector<std::string> tokens_;
};

}  // namespace dayaq::edge::web
