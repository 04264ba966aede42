#include "regime/edges.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "http/local_call.hpp"
#include "regime/grants_api.hpp"
#include "support/grant_node.hpp"

namespace dayaq::regime {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using dayaq::test::must;
using http::Method;
using http::Scope;
using store::Session;

constexpr std::uint32_t bits(std::initializer_list<Scope> scopes) {
  std::uint32_t out = 0;
  for (const Scope scope : scopes) out |= 1u << static_cast<unsigned>(scope);
  return out;
}

/// A centre with the real keys: Azercell and Bakcell may read their feeds, the agency is an administrator.
struct Edges : testing::TestWithParam<store::Engine> {
  Edges() {
    open();
    azercell = make_key("azercell", bits({Scope::feed_read}));
    bakcell = make_key("bakcell", bits({Scope::feed_read}));
    admin = make_key("digital-agency", bits({Scope::feed_read, Scope::admin}));
    reader = make_key("digital-agency", bits({Scope::feed_read}));
  }
  ~Edges() override { node.node.opened.database.reset(); }  // its writer thread calls the hooks

  void open() {
    keys.emplace(*node.node.organisations, node.node.clock);
    edges.emplace();
    must(node.node.db().read([&](Session& session) -> Result<void> {
      DAYAQ_TRY_OK(keys->load(session));
      return edges->load(session);
    }));
    node.node.db().add_hook(*keys);
    node.node.db().add_hook(*edges);
    resources =
        must(ResourceList::publish(node.node.db(), test::azerbaijan().traffic, node.signer, node.now()));
    router.emplace();
    const GrantsApi api{.db = node.node.db(),
                        .registry = *node.node.registry,
                        .keeper = *node.keeper,
                        .edges = *edges,
                        .keys = *keys,
                        .random = node.node.random,
                        .files = files,
                        .wording = test::azerbaijan().wording,
                        .clock = node.node.clock,
                        .resources = &*resources,
                        .feed_keys = [] { return std::string("dayaq-feed-key ...\n"); }};
    add_feed_routes(*router, api);
    add_edge_routes(*router, api);
  }
  void restart() {
    node.restart();
    open();
  }
  std::string make_key(const char* organisation, std::uint32_t scopes) {
    const registry::KeySecret secret = registry::draw_key_secret(node.node.random);
    return must(node.node.write([&](Session& session, const registry::Registry& registry) {
             return registry::create_key(
                 session, registry, *keys,
                 {.organisation = node.node.organisation(organisation), .name = "test", .scopes = scopes},
                 secret, "cli");
           }))
        .token;
  }
  /// Says something to Azercell: a subscription that has a grant, and one more line with each call.
  void say_something() {
    const auto provider = node.node.organisation("azercell");
    must(node.node.db().write([&](Session& session) -> Result<void> {
      const std::map<OrganisationIndex, std::uint64_t> ends{
          {provider, must(FeedStore::end(session, provider)).last_sequence}};
      FeedWriter writer(
          ends, [](OrganisationIndex) { return std::string("azercell"); }, node.signer, node.now());
      writer.say(provider, 7, {});
      DAYAQ_TRY(blocks, writer.write(session));
      return {};
    }));
    node.keeper->hub().publish(std::move(blocks), node.now());
  }

  http::Response call(Method method, const std::string& target, const std::string& body,
                      const std::string& token) {
    return http::call(*router, &*keys, method, target, body, "application/json", token);
  }
  http::Response enrol(const std::string& name, const std::string& token, const std::string& more = "") {
    const auto key = to_hex(crypto::SigningKey::generate(node.random).public_key());
    return call(Method::post, "/v1/edges",
                R"({"name":")" + name + R"(","public_key":")" + key + "\"" + more + "}", token);
  }
  static std::string code_of(const http::Response& response) {
    const json::value problem = json::parse(response.body);
    return std::string(problem.at("code").as_string());
  }
  json::value listed(const std::string& token) {
    const auto response = call(Method::get, "/v1/edges", "", token);
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body).at("edges");
  }
  std::vector<std::string> audit_actions() {
    std::vector<std::string> out;
    must(node.node.log->each(0, node.node.log->size(), [&](const audit::Entry& entry) -> Result<bool> {
      const json::value leaf = json::parse(entry.leaf);
      const auto action = std::string(leaf.at("action").as_string());
      if (action.starts_with("edge."))
        out.push_back(action + " " + std::string(leaf.at("data").at("edge").as_string()));
      return true;
    }));
    return out;
  }

  test::Node node{GetParam(), 1};
  FileContext files = test::azerbaijan().file_context();
  std::optional<registry::KeyRing> keys;
  std::optional<EdgeBook> edges;
  std::optional<http::Router> router;
  std::optional<ResourceList> resources;
  std::vector<FeedBlock> blocks;
  std::string azercell, bakcell, admin, reader;
};

TEST_P(Edges, AreEnrolledWithAllThatTheyNeed) {
  const auto response = enrol("baku-1", azercell, R"(,"url":"https://edge1.example:8090")");
  ASSERT_EQ(response.status, 201) << response.body;
  const json::value first = json::parse(response.body);
  EXPECT_EQ(first.at("operator").as_string(), "azercell");
  EXPECT_EQ(first.at("number").to_number<int>(), 1);
  EXPECT_EQ(first.at("zone").as_string(), "Asia/Baku");
  EXPECT_EQ(first.at("centre_key").as_string(), to_base64(node.signer.public_key()));
  EXPECT_EQ(from_base64(std::string(first.at("feed_key").as_string()))->size(), 16u);
  EXPECT_TRUE(first.at("siblings").as_array().empty());
  // Its own key follows the feed, and does nothing else.
  const std::string token(first.at("token").as_string());
  EXPECT_EQ(call(Method::get, "/v1/feed?after=0&edge=baku-1", "", token).status, 200);
  EXPECT_EQ(must(keys->authenticate(token)).scopes, edge_scopes());

  const json::value second = json::parse(enrol("baku-2", azercell).body);
  EXPECT_EQ(second.at("number").to_number<int>(), 2);
  ASSERT_EQ(second.at("siblings").as_array().size(), 1u);
  EXPECT_EQ(second.at("siblings").at(0).at("name").as_string(), "baku-1");
  EXPECT_EQ(second.at("siblings").at(0).at("url").as_string(), "https://edge1.example:8090");
  EXPECT_EQ(audit_actions(), (std::vector<std::string>{"edge.enrol baku-1", "edge.enrol baku-2"}));
}

TEST_P(Edges, AreRefusedWithWhatIsWrong) {
  ASSERT_EQ(enrol("baku-1", azercell).status, 201);
  EXPECT_EQ(code_of(enrol("baku-1", azercell)), "edges.exists");
  EXPECT_EQ(code_of(enrol("Baku 1", azercell)), "edges.name");
  EXPECT_EQ(code_of(enrol("baku-3", azercell, R"(,"number":17)")), "edges.number");
  EXPECT_EQ(code_of(enrol("baku-3", azercell, R"(,"number":1)")), "edges.number_taken");
  EXPECT_EQ(code_of(enrol("baku-3", azercell, R"(,"url":"edge.example")")), "edges.url");
  EXPECT_EQ(code_of(call(Method::post, "/v1/edges", R"({"name":"a","public_key":"AAAA"})", azercell)),
            "edges.public_key");
  const std::string same = to_base64(edges->find(node.node.organisation("azercell"), "baku-1")->key);
  EXPECT_EQ(
      code_of(call(Method::post, "/v1/edges", R"({"name":"a","public_key":")" + same + "\"}", azercell)),
      "edges.key_used");
  for (int i = 2; i <= edges_max; ++i) ASSERT_EQ(enrol("e" + std::to_string(i), azercell).status, 201);
  EXPECT_EQ(code_of(enrol("one-more", azercell)), "edges.limit");
  EXPECT_EQ(listed(azercell).as_array().size(), std::size_t(edges_max));
}

TEST_P(Edges, BelongToTheirOperator) {
  EXPECT_EQ(code_of(enrol("baku-1", bakcell, R"(,"operator":"azercell")")), "edges.not_yours");
  EXPECT_EQ(code_of(enrol("baku-1", reader, R"(,"operator":"azercell")")), "edges.not_yours");
  EXPECT_EQ(code_of(enrol("baku-1", admin)), "edges.operator");
  EXPECT_EQ(code_of(enrol("baku-1", admin, R"(,"operator":"nobody")")), "edges.operator");
  ASSERT_EQ(enrol("baku-1", admin, R"(,"operator":"azercell")").status, 201);
  ASSERT_EQ(enrol("baku-1", bakcell).status, 201);  // names are an operator's own
  EXPECT_EQ(listed(azercell).as_array().size(), 1u);
  EXPECT_EQ(listed(reader).as_array().size(), 2u);
  EXPECT_EQ(code_of(call(Method::post, "/v1/edges/baku-1/end", R"({"operator":"azercell"})", bakcell)),
            "edges.not_yours");
  EXPECT_EQ(code_of(call(Method::post, "/v1/edges/baku-9/end", "", azercell)), "edges.unknown");
  EXPECT_EQ(code_of(call(Method::get, "/v1/feed?after=0&edge=baku-9", "", azercell)), "edges.unknown");
}

TEST_P(Edges, ThatAreEndedCanDoNothingMore) {
  const json::value made = json::parse(enrol("baku-1", azercell).body);
  const std::string token(made.at("token").as_string());
  const auto id = made.at("key").to_number<std::uint64_t>();
  const registry::KeySecret secret = registry::draw_key_secret(node.node.random);
  const auto rotated = must(node.node.write([&](Session& session, const registry::Registry& registry) {
    return registry::rotate_key(session, registry, *keys, id, 1h, secret, "cli");
  }));
  EXPECT_EQ(call(Method::get, "/v1/feed?after=0", "", rotated.token).status, 200);
  ASSERT_EQ(call(Method::post, "/v1/edges/baku-1/end", "", azercell).status, 200);
  EXPECT_EQ(call(Method::get, "/v1/feed?after=0", "", token).status, 401);
  EXPECT_EQ(call(Method::get, "/v1/feed?after=0", "", rotated.token).status, 401);
  EXPECT_EQ(code_of(call(Method::get, "/v1/feed?after=0&edge=baku-1", "", azercell)), "edges.ended");
  EXPECT_EQ(call(Method::post, "/v1/edges/baku-1/end", "", azercell).status, 200);
  EXPECT_EQ(audit_actions(), (std::vector<std::string>{"edge.enrol baku-1", "edge.end baku-1"}));
  EXPECT_EQ(code_of(enrol("baku-1", azercell)), "edges.exists");
  EXPECT_EQ(json::parse(enrol("baku-2", azercell).body).at("number").to_number<int>(), 1) << "free again";
}

TEST_P(Edges, ThatBringAClientKeyGetAClientAndNoApiKey) {
  const auto fresh = [&] { return to_base64(crypto::SigningKey::generate(node.random).public_key()); };
  const std::string first = fresh(), second = fresh();
  const auto made = enrol("baku-1", azercell, R"(,"client_key":")" + first + "\"");
  ASSERT_EQ(made.status, 201) << made.body;
  const json::value given = json::parse(made.body);
  EXPECT_FALSE(given.as_object().contains("token"));
  const std::string id(given.at("client_id").as_string());
  EXPECT_TRUE(id.starts_with("edge:azercell:baku-1:")) << id;
  EXPECT_EQ(listed(azercell).at(0).at("client_id").as_string(), id);
  EXPECT_TRUE(listed(azercell).at(0).at("key").is_null());
  const auto change = [&](const std::string& name, const std::string& key, const std::string& token) {
    return call(Method::post, "/v1/edges/" + name + "/client-key", R"({"client_key":")" + key + "\"}", token);
  };
  const auto changed = change("baku-1", second, azercell);
  ASSERT_EQ(changed.status, 200) << changed.body;
  const std::string after(json::parse(changed.body).at("client_id").as_string());
  EXPECT_NE(after, id) << "another key is another client";
  EXPECT_EQ(change("baku-1", second, azercell).status, 200) << "the answer was lost";
  EXPECT_EQ(audit_actions(), (std::vector<std::string>{"edge.enrol baku-1", "edge.client_key baku-1"}));
  restart();
  EXPECT_EQ(listed(azercell).at(0).at("client_id").as_string(), after);

  EXPECT_EQ(code_of(enrol("baku-2", azercell, R"(,"client_key":")" + second + "\"")), "edges.key_used");
  EXPECT_EQ(code_of(enrol("baku-2", azercell, R"(,"client_key":"AAAA")")), "edges.public_key");
  const std::string signs = to_base64(edges->find(node.node.organisation("azercell"), "baku-1")->key);
  EXPECT_EQ(code_of(change("baku-1", signs, azercell)), "edges.key_used") << "one key, one purpose";
  EXPECT_EQ(code_of(change("baku-9", fresh(), azercell)), "edges.unknown");
  EXPECT_EQ(code_of(change("baku-1", fresh(), bakcell)), "edges.unknown");
  EXPECT_EQ(code_of(change("baku-1", fresh(), reader)), "edges.not_yours");
  ASSERT_EQ(call(Method::post, "/v1/edges/baku-1/end", "", azercell).status, 200);
  EXPECT_EQ(code_of(change("baku-1", fresh(), azercell)), "edges.ended");
}

TEST_P(Edges, EnrolAndEndNoEdgesAndChangeNoKeyButTheirOwn) {
  const json::value made = json::parse(enrol("baku-1", azercell).body);
  const std::string token(made.at("token").as_string());
  ASSERT_EQ(enrol("baku-2", azercell).status, 201);
  EXPECT_EQ(code_of(enrol("baku-3", token)), "edges.by_edge");
  EXPECT_EQ(code_of(call(Method::post, "/v1/edges/baku-2/end", "", token)), "edges.by_edge");
  const auto change = [&](const std::string& name) {
    const auto key = to_base64(crypto::SigningKey::generate(node.random).public_key());
    return call(Method::post, "/v1/edges/" + name + "/client-key", R"({"client_key":")" + key + "\"}", token);
  };
  EXPECT_EQ(code_of(change("baku-2")), "edges.by_edge");
  EXPECT_EQ(change("baku-1").status, 200) << "from an API key to a client";
  EXPECT_EQ(call(Method::get, "/v1/feed?after=0", "", token).status, 200)
      << "which ends when somebody revokes it";
  const registry::KeySecret secret = registry::draw_key_secret(node.node.random);
  const auto rotated = must(node.node.write([&](Session& session, const registry::Registry& registry) {
    return registry::rotate_key(session, registry, *keys, made.at("key").to_number<std::uint64_t>(), 1h,
                                secret, "cli");
  }));
  EXPECT_EQ(code_of(enrol("baku-3", rotated.token)), "edges.by_edge") << "its successor too";
}

TEST_P(Edges, ConfirmWhatTheyHaveAppliedByAskingForMore) {
  ASSERT_EQ(enrol("baku-1", azercell).status, 201);
  const auto state = [&] { return listed(azercell).at(0); };
  EXPECT_TRUE(state().at("heard").is_null());
  EXPECT_TRUE(state().at("silent").as_bool());
  say_something();
  node.node.clock.advance(3s);
  say_something();
  const auto ask = [&](const std::string& after) {
    return call(Method::get, "/v1/feed?edge=baku-1&after=" + after, "", azercell);
  };
  EXPECT_EQ(ask("0").status, 200);
  node.node.clock.advance(2s);
  EXPECT_EQ(state().at("lines_behind").to_number<int>(), 2);
  EXPECT_EQ(state().at("seconds_behind").to_number<double>(), 5.0)
      << "since the first that it lacks was said";
  EXPECT_EQ(ask("1").status, 200);
  EXPECT_EQ(state().at("lines_behind").to_number<int>(), 1);
  EXPECT_EQ(state().at("seconds_behind").to_number<double>(), 2.0);
  EXPECT_EQ(ask("2").status, 200);
  EXPECT_EQ(state().at("lines_behind").to_number<int>(), 0);
  EXPECT_EQ(state().at("seconds_behind").to_number<double>(), 0.0);
  EXPECT_EQ(ask("9").status, 409) << "nobody can have applied what was never said";
  EXPECT_EQ(state().at("applied").to_number<int>(), 2);
  EXPECT_FALSE(state().at("silent").as_bool());
  node.node.clock.advance(61s);
  EXPECT_TRUE(state().at("silent").as_bool());
  const json::value status = json::parse(call(Method::get, "/v1/feed/status", "", azercell).body);
  EXPECT_EQ(status.at("feeds").at(0).at("edges").at(0).at("applied").to_number<int>(), 2);
}

TEST_P(Edges, AreRememberedOverARestart) {
  ASSERT_EQ(enrol("baku-1", azercell).status, 201);
  say_something();
  node.node.clock.advance(5s);
  ASSERT_EQ(call(Method::get, "/v1/feed?edge=baku-1&after=1", "", azercell).status, 200);
  must(edges->save(node.node.db()));
  say_something();
  node.node.clock.advance(4s);
  restart();
  const json::value edge = listed(azercell).at(0);
  EXPECT_EQ(edge.at("applied").to_number<int>(), 1);
  EXPECT_EQ(edge.at("heard").as_string(), format_instant(node.now() - 4s));
  EXPECT_EQ(edge.at("lines_behind").to_number<int>(), 1);
  EXPECT_EQ(edge.at("seconds_behind").to_number<double>(), 4.0) << "memory is empty: from the store";
}

TEST_P(Edges, ThatHeardAnotherLineUnderTheirNumberAreToldThatTheFeedWasRestored) {
  const std::string token = make_key("azercell", 1u << unsigned(http::Scope::feed_read));
  say_something();
  const Instant said = node.now();
  node.node.clock.advance(std::chrono::minutes(5));
  say_something();
  const auto last = must(node.node.db().read([&](Session& session) {
                      return FeedStore::end(session, node.node.organisation("azercell"));
                    })).last_sequence;
  const auto ask = [&](std::uint64_t after, Instant heard) {
    return call(Method::get,
                "/v1/feed?after=" + std::to_string(after) + "&said=" + std::to_string(to_micros(heard)), "",
                token);
  };
  EXPECT_EQ(ask(last - 1, said).status, 200) << "this very line";
  EXPECT_EQ(ask(last - 1, said + std::chrono::hours(1)).status, 200) << "a snapshot that was taken later";
  EXPECT_EQ(ask(last - 1, said - std::chrono::seconds(5)).status, 200) << "a clock may have been set";
  EXPECT_EQ(ask(last, said + std::chrono::minutes(5)).status, 200);
  const auto other = ask(last, said);  // that one was said later: it was another line
  EXPECT_EQ(other.status, 409);
  EXPECT_EQ(code_of(other), "feed.forked");
  EXPECT_EQ(code_of(ask(last + 1, said)), "feed.ahead");
  EXPECT_EQ(call(Method::get, "/v1/feed/keys", "", token).body, "dayaq-feed-key ...\n");
}

TEST_P(Edges, OperatorsGetTheSignedListOfResourcesOnceForEachVersion) {
  const auto answer = call(Method::get, "/v1/feed/resources", "", azercell);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const crypto::PublicKey key = node.signer.public_key();
  const auto list = must(feed::decode_resources(answer.body, std::span(&key, 1)));
  EXPECT_EQ(list.version, 1u);
  EXPECT_EQ(list.classes.at(1).rules, std::vector<std::string>{"dayaq-education"});
  restart();
  const auto again = call(Method::get, "/v1/feed/resources", "", bakcell);
  EXPECT_EQ(again.body, answer.body) << "the version outlives a restart, and the list is everybody's";
  EXPECT_EQ(code_of(call(Method::get, "/v1/feed/resources", "", admin)), "feed.no_operator");
}

INSTANTIATE_TEST_SUITE_P(Engines, Edges, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& each) { return dayaq::test::name_of(each.param); });

/// What an operator was told under format 1 is dropped; that it was told, and when, is not.
TEST(FeedMigration, DropsBlocksOfFormatOneAndNeverLetsNumbersGoBack) {
  must(log::set_level("warning"));
  dayaq::test::OpenedDatabase opened{store::Engine::sqlite};
  store::Database& db = *opened.database;
  const auto all = feed_migrations();
  must(db.migrate(all.first(1)));
  const Instant said = std::chrono::sys_days(std::chrono::year(2026) / 11 / 20);
  must(db.write([&](Session& session) -> Result<void> {
    const Bytes old(20, std::byte(1));
    for (const auto& [first, last] : {std::pair(1u, 40u), {41u, 41u}}) {
      DAYAQ_TRY_OK(FeedStore::insert_block(
          session, 3, {.first_sequence = first, .last_sequence = last, .block = old}, said));
    }
    return {};
  }));
  must(db.migrate(all));
  must(db.read([&](Session& session) -> Result<void> {
    EXPECT_EQ(must(FeedStore::end(session, 3)).last_sequence, 41u);
    EXPECT_EQ(must(FeedStore::end(session, 3)).created, said);
    EXPECT_EQ(must(FeedStore::first_kept(session, 3)), 0u);
    return FeedStore::each_block(session, 3, 0, [](const FeedBlockRow&) -> Result<bool> {
      ADD_FAILURE() << "a block of format 1 is still there";
      return true;
    });
  }));
}

}  // namespace
}  // namespace dayaq::regime
