#include "edge/web/configuration.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/random.hpp"
#include "edge/web/file_reader.hpp"

namespace dayaq::edge::web {
namespace {

using testing::HasSubstr;

constexpr std::string_view smallest = R"(operator: azercell
name: baku-1
data: data
feed_key_file: feed.key
signing_key_file: edge.pem
centre: {url: "http://127.0.0.1:1", token_file: t, key_file: k}
services: [{service: voice}]
http: {token_file: h}
)";

Errors refused(std::string_view text) {
  auto parsed = parse_configuration(text, "/etc/dayaq");
  return parsed ? Errors() : std::move(parsed.error());
}

TEST(Configuration, TheExampleParsesAndSaysWhatItSays) {
  const auto parsed = parse_configuration(example_configuration(), "/etc/dayaq");
  ASSERT_TRUE(parsed) << parsed.error().front().field << parsed.error().front().public_text;
  EXPECT_EQ(parsed->operator_code, "azercell");
  EXPECT_EQ(parsed->feed_key_file, "/etc/dayaq/feed.key");
  EXPECT_EQ(parsed->data, "/var/lib/dayaq-edge");
  EXPECT_EQ(parsed->engine.slices.data_octets, 100u << 20);
  EXPECT_EQ(parsed->services.size(), 6u);
  ASSERT_EQ(parsed->credit_control.services.size(), 5u);  // tv:all has no context
  EXPECT_EQ(parsed->credit_control.services[2].rating_groups, (std::vector<std::uint32_t>{100, 101}));
  ASSERT_TRUE(parsed->diameter);
  EXPECT_EQ(parsed->diameter->charging_systems[1].address, "10.1.2.4:3868");
  EXPECT_TRUE(parsed->credit_control.relays);
  EXPECT_FALSE(parsed->radius || parsed->tv);
}

TEST(Configuration, AnEdgeShowsTheCentreItsClientOrAnApiKey) {
  const auto with = [](std::string_view centre) {
    std::string text(smallest);
    text.replace(text.find("token_file: t"), 13, centre);
    return text;
  };
  const auto parsed = parse_configuration(with("client_file: client.jwk"), "/etc/dayaq");
  ASSERT_TRUE(parsed) << parsed.error().front().public_text;
  EXPECT_EQ(parsed->centre.client_file, "/etc/dayaq/client.jwk");
  EXPECT_TRUE(parsed->centre.token_file.empty());
  EXPECT_EQ(refused(with("client_file: c, token_file: t")).at(0).code, "edge.file.value");
  EXPECT_EQ(refused(with("tls_authority: ca.pem")).at(0).code, "edge.file.missing");
}

TEST(Configuration, TheExamplesPartsThatAreCommentedOutParseToo) {
  std::string text;
  std::string_view rest = example_configuration();
  while (!rest.empty()) {
    std::string line(rest.substr(0, rest.find('\n')));
    rest.remove_prefix(line.size() + 1);
    const std::size_t hash = line.find("# ");
    const bool field = hash != std::string::npos && hash == line.find_first_not_of(' ') &&
                       (line.find(": ") != std::string::npos || line.ends_with(':')) &&
                       text.find("operator:") != std::string::npos &&
                       line.find("- {name: baku-2") == std::string::npos && line != "# siblings:" &&
                       !line.starts_with("# TV") && !line.starts_with("# What") && !line.starts_with("# How");
    if (field) line.erase(hash, 2);
    text += line + "\n";
  }
  const auto parsed = parse_configuration(text, "/etc/dayaq");
  ASSERT_TRUE(parsed) << parsed.error().front().line << parsed.error().front().field
                      << parsed.error().front().public_text;
  ASSERT_TRUE(parsed->radius && parsed->tv);
  EXPECT_EQ(parsed->radius->profiles.at(0).attributes.at(0), "Filter-Id=edu");
  EXPECT_EQ(parsed->tv->channels.at(0).service, parsed->services.find(feed::Benefit::tv, "all"));
}

TEST(Configuration, AnUnknownKeyIsRefusedWithItsLineAndTheNearestKnownOne) {
  const Errors errors = refused(std::string(smallest) +
                                "diameter: {origin_host: a, origin_realm: b, clients: [],\n"
                                "  watchdgo: 30s}\n");
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].code, "edge.file.unknown_key");
  EXPECT_EQ(errors[0].line, 10u);
  EXPECT_EQ(errors[0].field, "diameter.watchdgo");
  EXPECT_THAT(errors[0].public_text, HasSubstr("`watchdog`"));
}

TEST(Configuration, AllFindingsAreSaidInTheOrderOfTheirLines) {
  const Errors errors = refused("operator: a\nnumber: 17\nzone: Mars/Base\nline: mobil\n");
  std::vector<std::string> seen;
  for (const Error& error : errors) seen.push_back(std::string(error.code) + " " + error.field);
  EXPECT_THAT(seen, testing::Contains("edge.file.value number"));
  EXPECT_THAT(seen, testing::Contains("edge.file.value zone"));
  EXPECT_THAT(seen, testing::Contains("edge.file.value line"));
  EXPECT_GE(std::ranges::count(errors, "edge.file.missing", &Error::code), 6);
  EXPECT_TRUE(std::ranges::is_sorted(errors, {}, &Error::line));
}

TEST(Configuration, WhatTheFileCannotMeanIsRefused) {
  EXPECT_EQ(refused("a: [").front().code, "edge.file.syntax");
  EXPECT_EQ(refused("just text").front().code, "edge.file.syntax");
  EXPECT_EQ(refused(std::string(smallest) + "operator: again\n").front().code, "edge.file.value");
  EXPECT_EQ(refused(std::string(smallest) + "edges: 2\n").front().field, "edges");
  EXPECT_EQ(refused(std::string(smallest) + "slices: {voice: fast}\n").front().field, "slices.voice");
  EXPECT_EQ(refused(std::string(smallest) + "tv: {channels: [{name: n, prefix: /n/, package: \"tv:all\"}]}\n")
                .front()
                .field,
            "tv.channels[0].package");
  EXPECT_EQ(refused(std::string(smallest) + "tv: {channels: [], passes: true}\n").front().field, "tv.passes");
  EXPECT_EQ(refused(std::string(smallest)).size(), 0u);
}

TEST(Configuration, EdgesHaveNumbersOfTheirOwnAndOneMayTakeALostOnesPlace) {
  const auto with = [](std::string_view sibling, std::string_view joined) {
    return fmt::format(
        "{}number: 9\nedges: 2\njoined: {}\nsiblings: [{{name: b, number: {}, url: \"http://b\", token_file: "
        "t}}]\n",
        smallest, joined, sibling);
  };
  const auto read = parse_configuration(with("3", "2026-11-23"), "/etc");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->engine.siblings, std::vector<std::uint8_t>{3});
  EXPECT_EQ(read->engine.joined, 20'780);
  EXPECT_EQ(refused(with("9", "2026-11-23")).front().field, "siblings[0].number");
  EXPECT_EQ(refused(with("17", "2026-11-23")).front().field, "siblings[0].number");
  EXPECT_EQ(refused(with("3", "tomorrow")).front().field, "joined");
}

TEST(Configuration, TimesAndAmountsHaveUnits) {
  EXPECT_EQ(parse_duration("250ms")->count(), 250);
  EXPECT_EQ(parse_duration("10 min")->count(), 600'000);
  EXPECT_EQ(parse_duration("7")->count(), 7000);
  EXPECT_FALSE(parse_duration("-1s"));
  EXPECT_FALSE(parse_duration("99999999999999999999d"));
  EXPECT_FALSE(parse_duration("9223372036854775807d"));
  EXPECT_EQ(*parse_octets("2GB"), 2'000'000'000u);
  EXPECT_EQ(*parse_octets("1KiB"), 1024u);
  EXPECT_FALSE(parse_octets("1 Gb"));
}

TEST(Configuration, AReloadSaysWhatNeedsAStart) {
  const auto changed = [](std::string_view from, std::string_view what, std::string_view to) {
    std::string text(from);
    EXPECT_NE(text.find(what), std::string::npos) << what;
    text.replace(text.find(what), what.size(), to);
    const auto before = parse_configuration(from, "/"), after = parse_configuration(text, "/");
    EXPECT_TRUE(before && after);
    return needs_restart(*before, *after);
  };
  const std::string example(example_configuration());
  EXPECT_THAT(changed(example, "watchdog: 30s", "\"watchdog\" : 30s  # the same"), testing::IsEmpty());
  EXPECT_THAT(changed(example, "watchdog: 30s", "watchdog: 20s"), testing::ElementsAre("diameter"));
  EXPECT_THAT(changed(example, "pgw1.azercell.example", "pgw2.azercell.example"), testing::IsEmpty());
  EXPECT_THAT(changed(example, "ocs2.azercell.example", "ocs3.azercell.example"), testing::IsEmpty());
  EXPECT_THAT(changed(example, "settle_every: 60s", "settle_every: 61s"),
              testing::ElementsAre("settle_every"));
  EXPECT_THAT(changed(example, "slices:\n  data: 100MiB", "slices:\n  data: 50MiB"),
              testing::ElementsAre("slices"));
}

TEST(Configuration, KeysAreReadFromTheirFiles) {
  const auto folder = std::filesystem::temp_directory_path() / "dayaq-configuration-test";
  std::filesystem::create_directories(folder);
  const auto put = [&](const char* name, std::string_view text) {
    ASSERT_TRUE(write_file_atomically(folder / name, as_bytes(text)));
  };
  SeededRandom random(1);
  const auto key = crypto::SigningKey::generate(random);
  put("feed.key", "000102030405060708090a0b0c0d0e0f\n");
  put("edge.pem", key.to_pem());
  put("k", "# now\n" + to_hex(key.public_key()) + "\n" + to_base64(key.public_key()) + "\n");
  put("t", "centre-token-0123456789\n");
  put("h", "one-token-0123456789\nother-token-0123456789\n");
  auto configuration = parse_configuration(smallest, folder);
  ASSERT_TRUE(configuration);
  const auto keys = load_keys(*configuration);
  ASSERT_TRUE(keys) << keys.error().public_text;
  EXPECT_EQ(keys->feed_key.k0, 0x0706050403020100u);
  EXPECT_EQ(keys->centre_keys.size(), 2u);
  EXPECT_EQ(keys->http_tokens.size(), 2u);
  EXPECT_EQ(configuration->credit_control.feed_key, keys->feed_key);
  put("feed.key", "short\n");
  EXPECT_EQ(load_keys(*configuration).error().code, "edge.key");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace dayaq::edge::web
