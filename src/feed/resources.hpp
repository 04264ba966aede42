// The list of zero-rated resources: what the centre says belongs to each traffic class, versioned and signed,
// so that every operator frees the same and a settlement can say by which list it counted.
//
// A signed note (crypto/note.hpp) by the key "dayaq/resources", of lines:
//
//   dayaq-resources 1
//   version 17
//   class education
//   rule GOV-EDU-ZR       a rule that the operator has loaded under this name
//                         (TS 29.212, Charging-Rule-Name)
//   base GOV-EDU          or a group of such rules (Charging-Rule-Base-Name)
//   domain edu.az         this name and all below it
//   prefix 192.0.2.0/24   an address range
//   class communication
//   ...
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "crypto/sign.hpp"

namespace dayaq::feed {

inline constexpr std::size_t resource_classes_max = 64;
inline constexpr std::size_t resource_lines_max = 20000;
inline constexpr std::size_t resource_name_max = 255;  ///< bytes of a name, domain or prefix

struct ResourceClass {
  std::string traffic_class;
  std::vector<std::string> rules;  ///< Charging-Rule-Name
  std::vector<std::string> bases;  ///< Charging-Rule-Base-Name
  std::vector<std::string> domains, prefixes;
  friend bool operator==(const ResourceClass&, const ResourceClass&) = default;
};

struct Resources {
  std::uint32_t version = 0;  ///< from 1; a newer list has a higher one
  std::vector<ResourceClass> classes;
  friend bool operator==(const Resources&, const Resources&) = default;
};

/// Whether a name can stand in the list: no white space, at most resource_name_max bytes of ASCII.
[[nodiscard]] bool is_resource_name(std::string_view text);

/// The lines of the classes, as they stand in the note: what the version says.
[[nodiscard]] std::string lines_of(std::span<const ResourceClass> classes);

/// The note, signed. Names are as the limits above and without white space (checked, ends the program).
[[nodiscard]] std::string encode(const Resources& resources, const crypto::SigningKey& key);

/// Strict. forbidden "resources.signature" (none of `keys` signed these bytes); invalid_input
/// "resources.syntax" with the line, "resources.limit".
[[nodiscard]] Result<Resources> decode_resources(std::string_view note,
                                                 std::span<const crypto::PublicKey> keys);

}  // namespace dayaq::feed
