#include "registry/export.hpp"

#include "registry/csv.hpp"

namespace dayaq::registry {
namespace {

constexpr std::size_t piece = 256 << 10;

std::string end_text(Instant t) {
  return t == instant_max ? "" : format_instant(t);
}

}  // namespace

void append_header(std::string& out, ImportKind kind) {
  append_csv_row(out, import_columns(kind));
}

void append_person(std::string& out, const PersonRow& row, const CountryPack& country) {
  append_csv_row(
      out, {row.national_id, row.family_name, row.given_name, to_string(row.sex), format_date(row.birth),
            row.death ? format_date(*row.death) : "", country.place(row.place).code.value()});
}

void append_attestation(std::string& out, std::string_view national_id, const Attestation& attestation,
                        const CountryPack& country, const OrganisationDirectory& organisations) {
  append_csv_row(out, {national_id, country.status(attestation.status).code.value(),
                       organisations.at(attestation.issuer)->code.value(),
                       format_instant(attestation.valid.from), end_text(attestation.valid.until)});
}

void append_subscription(std::string& out, std::string_view national_id, const SubscriptionView& subscription,
                         const OrganisationDirectory& organisations) {
  append_csv_row(out, {national_id, to_string(subscription.kind),
                       organisations.at(subscription.provider)->code.value(), subscription.number,
                       format_instant(subscription.valid.from), end_text(subscription.valid.until)});
}

Result<std::uint64_t> export_rows(store::Session& session, const CountryPack& country,
                                  const OrganisationDirectory& organisations, const RegistryStore& store,
                                  ImportKind kind, const WriteBytes& write) {
  std::string out;
  std::uint64_t rows = 0;
  append_header(out, kind);
  const auto written = [&]() -> Result<bool> {
    ++rows;
    if (out.size() < piece) return true;
    DAYAQ_TRY_OK(write(out));
    out.clear();
    return true;
  };
  switch (kind) {
    case ImportKind::persons:
      DAYAQ_TRY_OK(store.each_person(session, {}, [&](const PersonRow& row, Instant) {
        append_person(out, row, country);
        return written();
      }));
      break;
    case ImportKind::attestations:
      DAYAQ_TRY_OK(
          store.each_attestation_named(session, [&](std::string_view id, const Attestation& attestation) {
            append_attestation(out, id, attestation, country, organisations);
            return written();
          }));
      break;
    case ImportKind::subscriptions:
      DAYAQ_TRY_OK(
          store.each_subscription_named(session, [&](std::string_view id, const SubscriptionView& view) {
            append_subscription(out, id, view, organisations);
            return written();
          }));
      break;
  }
  DAYAQ_TRY_OK(write(out));
  return rows;
}

}  // namespace dayaq::registry
