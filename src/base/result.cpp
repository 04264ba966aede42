#include "base/result.hpp"

#include <cstdio>
#include <cstdlib>

namespace dayaq {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_input:
      return "invalid_input";
    case ErrorKind::unauthenticated:
      return "unauthenticated";
    case ErrorKind::forbidden:
      return "forbidden";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::limit:
      return "limit";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::internal:
      return "internal";
  }
  return "internal";
}

void assertion_failed(const char* what, const char* file, int line) noexcept {
  std::fprintf(stderr, "dayaq: broken invariant: %s (%s:%d)\n", what, file, line);
  std::abort();
}

}  // namespace dayaq
