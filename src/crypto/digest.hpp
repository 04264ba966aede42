// A hash of what comes piece by piece.
#pragma once

#include <memory>

#include "crypto/sign.hpp"

namespace dayaq::crypto {

/// SHA-256 of everything that was added. @see FIPS 180-4
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;
  void add(BytesView piece);
  [[nodiscard]] Sha256 finish();  ///< once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::crypto
