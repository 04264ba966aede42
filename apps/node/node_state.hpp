// The rooms of an opened node, as its parts see each other.
#pragma once

#include "core.hpp"
#include "regime/edges.hpp"
#include "regime/file.hpp"
#include "regime/keeper.hpp"
#include "regime/law_json.hpp"
#include "regime/lifecycle.hpp"
#include "regime/rule_text.hpp"
#include "regime/traffic.hpp"
#include "settlement/recent.hpp"

namespace dayaq::node {

struct NodeParts {
  Core& core;
  const Zone& zone;
  const regime::TrafficCatalogue& traffic;
  const regime::FileContext& files;
  const regime::LawJsonContext& names;
  regime::Lawbook& book;
  regime::GrantKeeper* keeper;  ///< null in a node opened without its index
  const regime::EdgeBook& edges;
  const settlement::Recent& recent;
};

}  // namespace dayaq::node
