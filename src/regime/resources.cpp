#include "regime/resources.hpp"

#include "base/log.hpp"
#include "crypto/sign.hpp"
#include "regime/feed_store.hpp"

namespace dayaq::regime {

std::vector<feed::ResourceClass> resource_classes(const TrafficCatalogue& traffic) {
  std::vector<feed::ResourceClass> out;
  for (const TrafficClass& one : traffic.classes()) {
    if (one.tv) continue;
    feed::ResourceClass& listed = out.emplace_back();
    listed.traffic_class = one.code.value();
    listed.rules = one.rules;
    listed.bases = one.bases;
    for (const NetworkResource& resource : one.resources) {
      (resource.kind == NetworkResource::Kind::domain ? listed.domains : listed.prefixes)
          .push_back(resource.value);
    }
  }
  return out;
}

Result<ResourceList> ResourceList::publish(store::Database& db, const TrafficCatalogue& traffic,
                                           const crypto::SigningKey& signer, Instant now) {
  feed::Resources list{.version = 1, .classes = resource_classes(traffic)};
  const std::string lines = feed::lines_of(list.classes);
  const auto last = [](store::Session& session) { return FeedStore::last_resources(session); };
  DAYAQ_TRY(auto known, db.read(last));
  if (!known || known->lines != lines) {
    DAYAQ_TRY_OK(db.write([&](store::Session& session) -> Result<void> {
      DAYAQ_TRY(known, last(session));
      known = ResourceListRow{.version = known ? known->version + 1 : 1, .lines = lines};
      return FeedStore::insert_resources(session, *known, now);
    }));
    log::info("resources.published", "the list of zero-rated resources has a new version",
              {{"version", known->version}});
  }
  list.version = known->version;
  ResourceList out;
  out.version_ = list.version;
  out.note_ = feed::encode(list, signer);
  out.etag_ = '"' + to_hex(crypto::sha256(as_bytes(out.note_))).substr(0, 32) + '"';
  return out;
}

}  // namespace dayaq::regime
