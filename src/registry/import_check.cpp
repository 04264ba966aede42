#include "registry/import_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "crypto/sign.hpp"

namespace dayaq::registry {
namespace {

constexpr std::array<std::string_view, 7> person_columns{"national_id", "family_name", "given_name", "sex",
                                                         "birth_date",  "death_date",  "place"};
constexpr std::array<std::string_view, 5> attestation_columns{"national_id", "status", "issuer", "valid_from",
                                                              "valid_until"};
constexpr std::array<std::string_view, 6> subscription_columns{"national_id", "kind",       "provider",
                                                               "number",      "valid_from", "valid_until"};

bool may_be_left_out(std::string_view column) {
  return column == "death_date" || column == "valid_until";
}

std::unexpected<Error> bad_header(std::string text) {
  return std::unexpected(Error{ErrorKind::invalid_input, "import.header", std::move(text), {}, {}, 1, 0});
}

/// Turns fields into values; the first that can't be is the row's fault.
class RowReader {
 public:
  RowReader(const ImportHeader& header, const ImportRules& rules, CheckedChunk& out)
      : header_(header), rules_(rules), registry_(rules.registry), out_(out) {}

  /// The row's key within the file, or what is wrong with it.
  Result<std::uint64_t> take(const CsvRow& row) {
    row_ = &row;
    if (row.fields.size() != header_.fields) {
      return fail(ErrorKind::invalid_input, "import.fields",
                  fmt::format("The line has {} fields instead of {}.", row.fields.size(), header_.fields));
    }
    switch (header_.kind) {
      case ImportKind::persons:
        return person();
      case ImportKind::attestations:
        return attestation();
      case ImportKind::subscriptions:
        return subscription();
    }
    return 0;
  }
  /// Keeps the row that take() has read.
  void keep() {
    const auto add = [&](auto& rows, const auto& value) { rows.push_back({value, row_->line, row_->text}); };
    switch (header_.kind) {
      case ImportKind::persons:
        add(out_.persons, person_);
        break;
      case ImportKind::attestations:
        add(out_.attestations, attestation_);
        break;
      case ImportKind::subscriptions:
        add(out_.subscriptions, subscription_);
        break;
    }
  }

 private:
  std::string_view field(std::size_t column) const {
    const int at = header_.at[column];
    return at < 0 ? std::string_view() : row_->fields[static_cast<std::size_t>(at)];
  }
  /// A view that lives as long as the chunk: quoted fields are the reader's only until its next row.
  std::string_view stable(std::string_view text) {
    const char* begin = row_->text.data();
    if (std::less_equal<>()(begin, text.data()) &&
        std::less_equal<>()(text.data(), begin + row_->text.size())) {
      return text;
    }
    return out_.copies.emplace_back(text);
  }

  template <class T>
  Result<T> named(Result<T> value, std::size_t column) const {
    if (!value) value.error().field = import_columns(header_.kind)[column];
    return value;
  }
  Result<PersonId> person_id(std::string_view* text = nullptr) {
    DAYAQ_TRY(const NationalId id, named(registry_.country.national_id_rule().parse(field(0)), 0));
    if (text != nullptr)
      *text = id.text() == field(0) ? stable(field(0)) : out_.copies.emplace_back(id.text());
    return registry_.person_id(id);
  }
  std::unexpected<Error> unknown(std::size_t column, const char* what) const {
    return fail_field("import.unknown", std::string(import_columns(header_.kind)[column]),
                      fmt::format("There is no {} with this code.", what));
  }
  Result<OrganisationIndex> organisation(std::size_t column) const {
    const auto index = registry_.organisations.find(field(column));
    if (!index) return unknown(column, "organisation");
    return *index;
  }
  Result<Period> period(std::size_t from, std::size_t until) const {
    Period period;
    DAYAQ_TRY(period.from, named(instant(field(from)), from));
    if (!field(until).empty()) {
      DAYAQ_TRY(period.until, named(instant(field(until)), until));
    }
    return period;
  }
  /// Most dates of a file are the same few: the zone is asked once for each.
  Result<Instant> instant(std::string_view text) const {
    if (text == last_text_) return last_instant_;
    DAYAQ_TRY(last_instant_, registry_.country.zone().parse_local(text));
    last_text_ = text;
    return last_instant_;
  }

  Result<std::uint64_t> person() {
    DAYAQ_TRY(person_.id, person_id(&person_.national_id));
    person_.family_name = stable(field(1));
    person_.given_name = stable(field(2));
    DAYAQ_TRY(person_.sex, named(parse_sex(field(3)), 3));
    DAYAQ_TRY(person_.birth, named(parse_date(field(4)), 4));
    person_.death.reset();
    if (!field(5).empty()) {
      DAYAQ_TRY(person_.death, named(parse_date(field(5)), 5));
    }
    const auto place = registry_.country.find_place(field(6));
    if (!place) return unknown(6, "place");
    person_.place = *place;
    if (auto error = check_person(person_, registry_.country, rules_.today))
      return std::unexpected(*std::move(error));
    return person_.id.value();
  }

  Result<std::uint64_t> attestation() {
    DAYAQ_TRY(attestation_.person, person_id());
    const auto status = registry_.country.find_status(field(1));
    if (!status) return unknown(1, "status");
    attestation_.status = *status;
    DAYAQ_TRY(attestation_.issuer, organisation(2));
    DAYAQ_TRY(attestation_.valid, period(3, 4));
    if (auto error = check_attestation(attestation_, registry_)) return std::unexpected(*std::move(error));
    attestation_.id = derive_attestation_id(registry_, attestation_);
    return attestation_.id.value();
  }

  Result<std::uint64_t> subscription() {
    DAYAQ_TRY(subscription_.holder, person_id());
    DAYAQ_TRY(subscription_.kind, named(parse_subscription_kind(field(1)), 1));
    DAYAQ_TRY(subscription_.provider, organisation(2));
    subscription_.number = stable(field(3));
    DAYAQ_TRY(subscription_.valid, period(4, 5));
    if (auto error = check_subscription(subscription_, registry_)) return std::unexpected(*std::move(error));
    const std::string key =
        fmt::format("{}|{}|{}|{}|{}", static_cast<int>(subscription_.kind), subscription_.provider,
                    subscription_.number, subscription_.holder, to_micros(subscription_.valid.from));
    return siphash(registry_.secret, std::string_view(key));
  }

  const ImportHeader& header_;
  const ImportRules& rules_;
  const Registry& registry_;
  CheckedChunk& out_;
  const CsvRow* row_ = nullptr;
  PersonRow person_;
  AttestRequest attestation_;
  SubscriptionView subscription_;
  mutable std::string last_text_;
  mutable Instant last_instant_;
};

/// Sorts rows by their tables' keys, so that a chunk walks through each table once.
template <class Row, class Key>
void sort_rows(std::vector<Imported<Row>>& rows, Key&& key) {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
  order.reserve(rows.size());
  for (std::uint32_t i = 0; i < rows.size(); ++i) order.emplace_back(storage_order(key(rows[i].row)), i);
  std::ranges::sort(order);
  std::vector<Imported<Row>> sorted;
  sorted.reserve(rows.size());
  for (const auto& [unused, i] : order) sorted.push_back(rows[i]);
  rows = std::move(sorted);
}

}  // namespace

std::string column_of(const std::string& field) {
  return field == "from" || field == "until" ? "valid_" + field : field;
}

std::string_view to_string(ImportKind kind) {
  switch (kind) {
    case ImportKind::persons:
      return "persons";
    case ImportKind::attestations:
      return "attestations";
    case ImportKind::subscriptions:
      return "subscriptions";
  }
  return "";
}

Result<ImportKind> parse_import_kind(std::string_view text) {
  for (const ImportKind kind : {ImportKind::persons, ImportKind::attestations, ImportKind::subscriptions}) {
    if (to_string(kind) == text) return kind;
  }
  return fail(ErrorKind::invalid_input, "import.kind",
              "It must be one of: persons, attestations, subscriptions.");
}

std::span<const std::string_view> import_columns(ImportKind kind) {
  switch (kind) {
    case ImportKind::persons:
      return person_columns;
    case ImportKind::attestations:
      return attestation_columns;
    case ImportKind::subscriptions:
      return subscription_columns;
  }
  return {};
}

Result<ImportHeader> parse_import_header(ImportKind kind, std::string_view line) {
  ImportHeader header{kind, ',', 0, std::vector<int>(import_columns(kind).size(), -1)};
  if (line.find(',') == std::string_view::npos && line.find(';') != std::string_view::npos)
    header.delimiter = ';';
  CsvReader reader({.delimiter = header.delimiter});
  reader.feed(line);
  reader.finish();
  const auto row = reader.next();
  if (!row) return bad_header("The file is empty: its first line names the columns.");
  if (row->error) return std::unexpected(*row->error);
  header.fields = row->fields.size();
  const auto columns = import_columns(kind);
  for (std::size_t i = 0; i < row->fields.size(); ++i) {
    const auto found = std::ranges::find(columns, row->fields[i]);
    if (found == columns.end()) {
      return bad_header(fmt::format("The column `{}` isn't known. Those of {} are: {}.", row->fields[i],
                                    to_string(kind), fmt::join(columns, ", ")));
    }
    int& at = header.at[static_cast<std::size_t>(found - columns.begin())];
    if (at >= 0) return bad_header(fmt::format("The column `{}` is there twice.", *found));
    at = static_cast<int>(i);
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (header.at[i] < 0 && !may_be_left_out(columns[i])) {
      return bad_header(
          fmt::format("The column `{}` is missing. The first line names the columns.", columns[i]));
    }
  }
  return header;
}

bool SeenKeys::add(std::uint64_t key) {
  if (key == 0) key = 1;
  if (2 * (size_ + 1) > slots_.size()) grow();
  const std::size_t mask = slots_.size() - 1;
  // Keys are hashes already: their low bits serve.
  for (std::size_t i = key & mask;; i = (i + 1) & mask) {
    if (slots_[i] == key) return false;
    if (slots_[i] == 0) {
      slots_[i] = key;
      ++size_;
      return true;
    }
  }
}

void SeenKeys::grow() {
  std::vector<std::uint64_t> old(std::max<std::size_t>(1024, 2 * slots_.size()));
  old.swap(slots_);
  size_ = 0;
  for (const std::uint64_t key : old) {
    if (key != 0) add(key);
  }
}

ImportRules import_rules(const Registry& registry) {
  const Instant now = registry.clock.now();
  return {registry, now, registry.country.zone().day_of(now)};
}

CheckedChunk check_chunk(const ImportHeader& header, const ImportChunk& chunk, const ImportRules& rules,
                         SeenKeys* seen) {
  CheckedChunk out;
  out.sha256 = to_hex(crypto::sha256(as_bytes(chunk.text)));
  out.reader = std::make_unique<CsvReader>(
      CsvOptions{.delimiter = header.delimiter, .first_line = chunk.first_line, .first_offset = chunk.begin});
  out.reader->feed(chunk.text);
  out.reader->finish();
  RowReader rows(header, rules, out);
  while (const auto row = out.reader->next()) {
    ++out.lines;
    std::optional<Error> error = row->error;
    if (!error) {
      const Result<std::uint64_t> key = rows.take(*row);
      if (!key) {
        error = key.error();
      } else if (seen != nullptr && !seen->add(*key)) {
        error = Error{ErrorKind::invalid_input,
                      "import.duplicate",
                      "The same stands further up in the file.",
                      {},
                      "national_id",
                      0,
                      0};
      }
    }
    if (!error) {
      rows.keep();
    } else {
      out.rejects.push_back(
          {row->line, column_of(error->field), error->code, error->public_text, std::string(row->text)});
    }
  }
  sort_rows(out.persons, [](const PersonRow& row) { return row.id; });
  sort_rows(out.attestations, [](const AttestRequest& row) { return row.person; });
  sort_rows(out.subscriptions, [](const SubscriptionView& row) { return row.holder; });
  return out;
}

AttestationId derive_attestation_id(const Registry& registry, const AttestRequest& request) {
  // The stored numbers of status and organisation, which stay the same for ever.
  const std::array<std::int64_t, 5> message{static_cast<std::int64_t>(request.person.value()),
                                            registry.catalogue.number(request.status), request.issuer,
                                            to_micros(request.valid.from), to_micros(request.valid.until)};
  const std::uint64_t hash = siphash(registry.secret, std::as_bytes(std::span(message))) >> 1;
  return AttestationId(hash == 0 ? 1 : hash);
}

}  // namespace dayaq::registry
