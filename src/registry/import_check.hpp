// From the lines of a CSV to rows that may be stored: everything about an import that needs no database.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "registry/csv.hpp"
#include "registry/record.hpp"

namespace dayaq::registry {

enum class ImportKind : std::uint8_t { persons, attestations, subscriptions };
/// "persons", "attestations", "subscriptions". invalid_input "import.kind".
[[nodiscard]] std::string_view to_string(ImportKind kind);
[[nodiscard]] Result<ImportKind> parse_import_kind(std::string_view text);

/// The columns a file of this kind has, in the order of an export:
///   persons        national_id, family_name, given_name, sex, birth_date, death_date, place
///   attestations   national_id, status, issuer, valid_from, valid_until
///   subscriptions  national_id, kind, provider, number, valid_from, valid_until
/// death_date and valid_until may be empty or left out. Dates are of the country's zone, instants RFC 3339 or
/// dates.
[[nodiscard]] std::span<const std::string_view> import_columns(ImportKind kind);

/// The first line of a file: which column stands where. Columns may come in any order, separated by , or ;
struct ImportHeader {
  ImportKind kind = ImportKind::persons;
  char delimiter = ',';
  std::size_t fields = 0;
  std::vector<int> at;  ///< by import_columns(kind): the field's position, -1 if left out
};
/// invalid_input "import.header" names what is missing, unknown or there twice.
[[nodiscard]] Result<ImportHeader> parse_import_header(ImportKind kind, std::string_view line);

/// Why a line isn't imported.
struct Reject {
  std::uint64_t line = 0;
  std::string field;      ///< a column's name, empty if the line as a whole is at fault
  std::string_view code;  ///< as an Error's
  std::string reason;     ///< a sentence
  std::string text;       ///< the line as it stands
};

/// Keys seen before in the same file: a hash set of 64-bit keys, 8 bytes each at a load of a half at most.
class SeenKeys {
 public:
  /// True if it is new.
  bool add(std::uint64_t key);
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  void grow();
  std::vector<std::uint64_t> slots_;  ///< 0 is free
  std::size_t size_ = 0;
};

/// Some whole lines of a file.
struct ImportChunk {
  std::string text;
  std::uint64_t first_line = 2;
  std::uint64_t begin = 0;  ///< offset of its first byte in the file
  std::uint64_t end = 0;    ///< offset after its last byte
};

/// A row and where it came from.
template <class Row>
struct Imported {
  Row row;
  std::uint64_t line = 0;
  std::string_view text;
};

/// The rows of one chunk that passed, in the order of their keys, and the lines that didn't. Movable; the
/// rows' views point into it.
struct CheckedChunk {
  std::vector<Imported<PersonRow>> persons;
  std::vector<Imported<AttestRequest>> attestations;
  std::vector<Imported<SubscriptionView>> subscriptions;
  std::vector<Reject> rejects;
  std::uint64_t lines = 0;  ///< rows read, good and bad
  std::string sha256;       ///< of the chunk's text, hexadecimal

  std::unique_ptr<CsvReader> reader;  ///< holds the text
  std::deque<std::string> copies;     ///< holds what had to be changed: unquoted, raised to upper case
};

/// What rows are checked against.
struct ImportRules {
  const Registry& registry;
  Instant now;
  Date today;
};
[[nodiscard]] ImportRules import_rules(const Registry& registry);

/// Checks one chunk. `seen` may be null: then repetitions within the file aren't looked for.
/// A reject's codes are those of the use-cases (registry.*), of the CSV reader (csv.*), "import.duplicate",
/// "import.fields" (wrong number of fields), "import.unknown" (place, status, organisation) and "time.*".
[[nodiscard]] CheckedChunk check_chunk(const ImportHeader& header, const ImportChunk& chunk,
                                       const ImportRules& rules, SeenKeys* seen);

/// The column of a file in which a use-case's field ("from", "until", ...) stands.
[[nodiscard]] std::string column_of(const std::string& field);

/// Makes the id of an imported attestation from its content, so that a file imported twice is the same
/// attestations.
[[nodiscard]] AttestationId derive_attestation_id(const Registry& registry, const AttestRequest& request);

/// Orders as the tables do: by bucket, then by id.
[[nodiscard]] inline std::uint64_t storage_order(PersonId id) {
  return id.value() << 56 | id.value() >> 8;
}

}  // namespace dayaq::registry
