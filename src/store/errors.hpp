// The errors that both engines give. Not for other rooms.
#pragma once

#include <string>

#include "base/result.hpp"

namespace dayaq::store {

[[nodiscard]] inline Error duplicate_error(std::string detail) {
  return Error{ErrorKind::conflict, "store.duplicate", "This is there already.", std::move(detail), {}, 0, 0};
}
[[nodiscard]] inline Error full_error(std::string detail) {
  return Error{ErrorKind::unavailable,
               "store.full",
               "Nothing can be saved just now, since the disk is full. Please try again later.",
               std::move(detail),
               {},
               0,
               0};
}
[[nodiscard]] inline Error unavailable_error(std::string detail) {
  return Error{ErrorKind::unavailable,
               "store.unavailable",
               "The service can't reach its data. Please try again.",
               std::move(detail),
               {},
               0,
               0};
}
[[nodiscard]] inline Error sql_error(std::string detail) {
  return Error{ErrorKind::internal,
               "store.sql",
               "Something went wrong. Please try again later.",
               std::move(detail),
               {},
               0,
               0};
}

}  // namespace dayaq::store
