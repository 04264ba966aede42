// The repository's country pack and a few persons, for the fuzzers of the law.
#pragma once

#include <filesystem>
#include <utility>
#include <vector>

#include "regime/file.hpp"
#include "regime/rule.hpp"
#include "regime/rule_text.hpp"

namespace dayaq::fuzz {

struct Country {
  registry::CountryPack pack;
  regime::TrafficCatalogue traffic;
  regime::StatusWording wording;
  Zone zone;
  [[nodiscard]] regime::FileContext files() const {
    return {
        .country = pack,
        .traffic = traffic,
        .zone = zone,
        .providers = {.find = [](std::string_view code) -> std::optional<regime::ProviderNames::Provider> {
                        if (code != "azercell") return std::nullopt;
                        return regime::ProviderNames::Provider{OrganisationCode("azercell"), 0,
                                                               registry::OrganisationKind::mobile_operator};
                      },
                      .codes = [] { return std::vector<std::string>{"azercell"}; }}};
  }
  [[nodiscard]] regime::CivilContext civil() const { return {.zone = zone, .places = pack.places()}; }
};

template <class T>
T must(Result<T> result) {
  DAYAQ_ASSERT(result.has_value());
  return std::move(*result);
}

inline const Country& country() {
  static const Country one = [] {
    const auto folder = std::filesystem::path(__FILE__).parent_path().parent_path() / "country/az";
    auto pack = must(registry::CountryPack::load(folder));
    auto wording = must(regime::StatusWording::load(pack));
    return Country{std::move(pack), must(regime::TrafficCatalogue::load(folder)), std::move(wording),
                   must(Zone::create("Asia/Baku"))};
  }();
  return one;
}

inline std::vector<Instant> moments() {
  return {must(parse_instant("2026-03-01T00:00:00Z")), must(parse_instant("2026-11-21T08:00:00Z"))};
}

/// A pensioner without lines, a health worker with them, somebody who died.
inline const std::vector<registry::PersonFacts>& persons() {
  static const std::vector<registry::PersonFacts> some = [] {
    std::vector<registry::PersonFacts> out(3);
    const auto when = [](const char* text) { return must(parse_instant(text)); };
    const auto& pack = country().pack;
    for (auto& facts : out) facts.residences.push_back({.place = *pack.find_place("AZ-BA"), .period = {}});
    out[0].person.birth = must(parse_date("1961-03-24"));
    out[0].attestations.push_back({.status = *pack.find_status("pensioner"),
                                   .valid = {},
                                   .recorded = when("2026-02-01T00:00:00Z"),
                                   .ended = when("2026-10-01T00:00:00Z")});
    out[1].person.birth = must(parse_date("1990-12-01"));
    out[1].attestations.push_back(
        {.status = *pack.find_status("health_worker"),
         .valid = {.from = when("2026-03-10T00:00:00Z"), .until = when("2027-01-01T00:00:00Z")},
         .recorded = when("2026-01-01T00:00:00Z")});
    out[1].subscriptions.push_back(
        {.kind = registry::SubscriptionKind::mobile, .valid = {.from = when("2026-03-02T00:00:00Z")}});
    out[2].person.birth = must(parse_date("1940-02-29"));
    out[2].person.death = must(parse_date("2026-05-01"));
    return out;
  }();
  return some;
}

}  // namespace dayaq::fuzz
