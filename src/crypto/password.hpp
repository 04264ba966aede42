// Passwords, for the agency that insists on one: argon2id through libsodium.
// @see RFC 9106; parameters by OWASP's password storage sheet: 19 MiB, two passes
#pragma once

#include <string>
#include <string_view>

namespace dayaq::crypto {

inline constexpr std::size_t password_size_min = 12;  ///< bytes
inline constexpr std::size_t password_size_max = 256;

/// The hash with its salt and parameters as one line ("$argon2id$v=19$..."). Takes 19 MiB and some 15 ms: a
/// worker thread's work, never the writer's.
[[nodiscard]] std::string hash_password(std::string_view password);
/// In a time that says nothing about the password. False for anything that isn't such a line.
[[nodiscard]] bool check_password(std::string_view hash, std::string_view password);

}  // namespace dayaq::crypto
