#include "regime/feed_store.hpp"

#include <algorithm>
#include <array>

#include "regime/edges.hpp"

namespace dayaq::regime {
namespace {

constexpr std::array migrations{
    store::Migration{.room = "feed", .number = 1, .sql = R"sql(
create table feed_operator (
  organisation bigint not null primary key,  -- its number in the registry
  feed_key {blob} not null                   -- 16 bytes: makes the pseudonyms of its subscriptions
);
create table feed_measure (
  number bigint not null primary key,        -- given once, never reused
  regime text not null,
  version bigint not null,
  position bigint not null,                  -- of the measure in the version's file, from 0
  unique (regime, version, position)
);
create table feed_block (
  organisation bigint not null,
  last_sequence bigint not null,
  first_sequence bigint not null,
  created bigint not null,
  block {blob} not null,                     -- docs/feed.md
  primary key (organisation, last_sequence)
);
)sql"},
    // Blocks of format 1 bear no signature, and no edge reads them any more. Where each feed stands is kept,
    // so that its numbers never go back; who asks for what was dropped is told to take a snapshot.
    store::Migration{.room = "feed", .number = 2, .sql = R"sql(
create table feed_floor (
  organisation bigint not null primary key,
  last_sequence bigint not null,             -- blocks up to here are gone
  created bigint not null                    -- of the last one that is gone
);
insert into feed_floor (organisation, last_sequence, created)
  select organisation, last_sequence, created from feed_block b where last_sequence =
    (select max(last_sequence) from feed_block c where c.organisation = b.organisation);
delete from feed_block;
)sql"},
    store::Migration{.room = "feed", .number = 3, .sql = R"sql(
create table feed_edge (
  organisation bigint not null,
  name text not null,
  number bigint not null,                    -- 1 to 16, among the operator's live edges
  public_key {blob} not null,                -- 32 bytes: verifies its settlements
  api_key bigint not null,
  url text not null,                         -- where its siblings reach it, or ''
  enrolled bigint not null,
  ended bigint,                              -- null: it is live
  applied bigint not null,                   -- the last number it said it has applied, written now and then
  heard bigint,                              -- when it said so; null: never
  primary key (organisation, name)
);
)sql"},
    // All lists that ever were: a settlement says by which one it counted.
    store::Migration{.room = "feed", .number = 4, .sql = R"sql(
create table feed_resources (
  version bigint not null primary key,       -- 1, 2, 3, ...
  created bigint not null,
  content text not null                      -- the classes' lines, src/feed/resources.hpp
);
)sql"},
    // An edge shows itself by a key of its own; those enrolled before have an API key.
    store::Migration{.room = "feed", .number = 5, .sql = R"sql(
alter table feed_edge add column client_key {blob};
)sql"}};

Result<FeedEnd> floor_of(store::Session& session, OrganisationIndex provider) {
  DAYAQ_TRY(auto floor, session.one("select last_sequence, created from feed_floor where organisation = $1",
                                    {std::int64_t(provider)}, [](const store::Row& row) {
                                      return FeedEnd{.last_sequence = std::uint64_t(row.integer(0)),
                                                     .created = from_micros(row.integer(1))};
                                    }));
  return floor.value_or(FeedEnd{});
}

std::int64_t signed_of(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

}  // namespace

std::span<const store::Migration> feed_migrations() {
  return migrations;
}

MeasureName name_of(const LawfulMeasure& measure) {
  const Regime& regime = measure.version->regime;
  return {.regime = regime.code.value(),
          .version = regime.version,
          .position = measure.measure - regime.measures.data()};
}

Result<std::map<OrganisationIndex, SipKey>> FeedStore::keys(store::Session& session) {
  std::map<OrganisationIndex, SipKey> keys;
  DAYAQ_TRY_OK(session.query(
      "select organisation, feed_key from feed_operator", {}, [&](const store::Row& row) -> Result<bool> {
        const BytesView bytes = row.blob(1);
        if (bytes.size() != 16)
          return fail(ErrorKind::internal, "feed.key", "A feed key is damaged.", "not 16 bytes");
        keys[OrganisationIndex(row.integer(0))] = sip_key(bytes.first<16>());
        return true;
      }));
  return keys;
}

Result<void> FeedStore::insert_key(store::Session& session, OrganisationIndex provider, const SipKey& key) {
  Bytes bytes;
  put_le(bytes, key.k0);
  put_le(bytes, key.k1);
  return session.exec("insert into feed_operator (organisation, feed_key) values ($1, $2)",
                      {std::int64_t(provider), BytesView(bytes)});
}

Result<MeasureNumbers> FeedStore::measure_numbers(store::Session& session) {
  MeasureNumbers numbers;
  DAYAQ_TRY_OK(session.query(
      "select regime, version, position, number from feed_measure", {},
      [&](const store::Row& row) -> Result<bool> {
        numbers[{
            .regime = std::string(row.text(0)), .version = int(row.integer(1)), .position = row.integer(2)}] =
            MeasureNumber(row.integer(3));
        return true;
      }));
  return numbers;
}

Result<void> FeedStore::insert_measure_number(store::Session& session, const MeasureName& name,
                                              MeasureNumber number) {
  return session.exec(
      "insert into feed_measure (number, regime, version, position) values ($1, $2, $3, $4)",
      {std::int64_t(number), std::string_view(name.regime), std::int64_t(name.version), name.position});
}

Result<FeedEnd> FeedStore::end(store::Session& session, OrganisationIndex provider) {
  DAYAQ_TRY(auto end, session.one("select last_sequence, created from feed_block where organisation = $1"
                                  " order by last_sequence desc limit 1",
                                  {std::int64_t(provider)}, [](const store::Row& row) {
                                    return FeedEnd{.last_sequence = std::uint64_t(row.integer(0)),
                                                   .created = from_micros(row.integer(1))};
                                  }));
  if (end) return *end;
  return floor_of(session, provider);
}

Result<void> FeedStore::insert_block(store::Session& session, OrganisationIndex provider,
                                     const FeedBlockRow& row, Instant created) {
  return session.exec(
      "insert into feed_block (organisation, last_sequence, first_sequence, created, block)"
      " values ($1, $2, $3, $4, $5)",
      {std::int64_t(provider), signed_of(row.last_sequence), signed_of(row.first_sequence),
       to_micros(created), row.block});
}

Result<std::uint64_t> FeedStore::first_kept(store::Session& session, OrganisationIndex provider) {
  DAYAQ_TRY(auto first, session.one("select first_sequence from feed_block where organisation = $1"
                                    " order by last_sequence limit 1",
                                    {std::int64_t(provider)},
                                    [](const store::Row& row) { return std::uint64_t(row.integer(0)); }));
  return first.value_or(0);
}

Result<void> FeedStore::each_block(store::Session& session, OrganisationIndex provider, std::uint64_t after,
                                   const std::function<Result<bool>(const FeedBlockRow&)>& on_block) {
  return session.query(
      "select first_sequence, last_sequence, block from feed_block"
      " where organisation = $1 and last_sequence > $2 order by last_sequence",
      {std::int64_t(provider), signed_of(after)}, [&](const store::Row& row) {
        return on_block({.first_sequence = std::uint64_t(row.integer(0)),
                         .last_sequence = std::uint64_t(row.integer(1)),
                         .block = row.blob(2)});
      });
}

Result<void> FeedStore::trim(store::Session& session, OrganisationIndex provider, Instant before) {
  return session.exec(
      "delete from feed_block where organisation = $1 and created < $2 and last_sequence <"
      " (select max(last_sequence) from feed_block where organisation = $1)",
      {std::int64_t(provider), to_micros(before)});
}

Result<std::optional<Instant>> FeedStore::said_after(store::Session& session, OrganisationIndex provider,
                                                     std::uint64_t after) {
  return session.one(
      "select created from feed_block where organisation = $1 and last_sequence > $2"
      " order by last_sequence limit 1",
      {std::int64_t(provider), signed_of(after)},
      [](const store::Row& row) { return from_micros(row.integer(0)); });
}

Result<std::optional<ResourceListRow>> FeedStore::last_resources(store::Session& session) {
  return session.one("select version, content from feed_resources order by version desc limit 1", {},
                     [](const store::Row& row) {
                       return ResourceListRow{.version = std::uint32_t(row.integer(0)),
                                              .lines = std::string(row.text(1))};
                     });
}

Result<void> FeedStore::insert_resources(store::Session& session, const ResourceListRow& row,
                                         Instant created) {
  return session.exec("insert into feed_resources (version, created, content) values ($1, $2, $3)",
                      {std::int64_t(row.version), to_micros(created), std::string_view(row.lines)});
}

Result<void> FeedStore::each_edge(store::Session& session,
                                  const std::function<void(const EdgeState&)>& on_edge) {
  return session.query(
      "select organisation, name, number, public_key, api_key, url, enrolled, ended, applied, heard, "
      "client_key"
      " from feed_edge",
      {}, [&](const store::Row& row) -> Result<bool> {
        EdgeState state{.edge = {.provider = OrganisationIndex(row.integer(0)),
                                 .name = std::string(row.text(1)),
                                 .number = int(row.integer(2)),
                                 .api_key = std::uint64_t(row.integer(4)),
                                 .url = std::string(row.text(5)),
                                 .enrolled = from_micros(row.integer(6)),
                                 .ended = row.is_null(7) ? instant_max : from_micros(row.integer(7))},
                        .progress = {.applied = std::uint64_t(row.integer(8)),
                                     .heard = row.is_null(9) ? instant_min : from_micros(row.integer(9))}};
        const BytesView key = row.blob(3);
        if (key.size() != state.edge.key.size())
          return fail(ErrorKind::internal, "feed.key", "An edge's key is damaged.", "not 32 bytes");
        std::ranges::copy(key, state.edge.key.begin());
        if (!row.is_null(10)) {
          const BytesView client = row.blob(10);
          if (client.size() != state.edge.key.size())
            return fail(ErrorKind::internal, "feed.key", "An edge's key is damaged.", "not 32 bytes");
          std::ranges::copy(client, state.edge.client_key.emplace().begin());
        }
        on_edge(state);
        return true;
      });
}

Result<void> FeedStore::put_edge(store::Session& session, const Edge& edge) {
  const store::Param ended = edge.live() ? store::Param(nullptr) : store::Param(to_micros(edge.ended));
  const store::Param client_key =
      edge.client_key ? store::Param(BytesView(*edge.client_key)) : store::Param(nullptr);
  return session.exec(
      "insert into feed_edge (organisation, name, number, public_key, api_key, url, enrolled, ended, "
      "client_key,"
      " applied, heard) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, null)"
      " on conflict (organisation, name) do update set ended = excluded.ended, client_key = "
      "excluded.client_key",
      {std::int64_t(edge.provider), std::string_view(edge.name), std::int64_t(edge.number),
       BytesView(edge.key), signed_of(edge.api_key), std::string_view(edge.url), to_micros(edge.enrolled),
       ended, client_key});
}

Result<void> FeedStore::put_progress(store::Session& session, const EdgeState& state) {
  return session.exec("update feed_edge set applied = $3, heard = $4 where organisation = $1 and name = $2",
                      {std::int64_t(state.edge.provider), std::string_view(state.edge.name),
                       signed_of(state.progress.applied), to_micros(state.progress.heard)});
}

}  // namespace dayaq::regime
