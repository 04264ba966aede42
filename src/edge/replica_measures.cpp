#include "edge/replica_measures.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "base/random.hpp"

namespace dayaq::edge {
namespace {

constexpr MeasureNumber first_max = 1u << 16;
constexpr std::size_t definitions_in_block = 128;
constexpr std::size_t file_bytes_max = 256u << 20;

}  // namespace

Measure compile(const feed::Definition& definition, const ServiceTable& services) {
  Measure measure{.number = definition.measure,
                  .regime = definition.regime,
                  .version = definition.regime_version,
                  .period = definition.period,
                  .benefits = definition.benefits,
                  .covers = {}};
  for (const feed::BenefitLine& benefit : definition.benefits) {
    measure.covers.push_back(services.covered_by(benefit));
    measure.any |= measure.covers.back();
    measure.defers = measure.defers || benefit.kind == feed::Benefit::deferral;
  }
  return measure;
}

std::vector<Measure> Measures::news(const std::vector<feed::Definition>& definitions) const {
  std::vector<Measure> out;
  for (const feed::Definition& definition : definitions) {
    const auto known = definitions_.find(definition.measure);
    if (known == definitions_.end() || known->second != definition)
      out.push_back(compile(definition, *services_));
  }
  return out;
}

void Measures::put(Measure&& measure) {
  if (measure.number >= first_max) {
    auto& place = further_[measure.number];
    if (!place) place = std::make_unique<Measure>();
    *place = std::move(measure);
    return;
  }
  if (measure.number >= first_.size()) first_.resize(measure.number + 1);
  auto& place = first_[measure.number];
  if (!place) place = std::make_unique<Measure>();
  *place = std::move(measure);
}

void Measures::keep(const std::vector<feed::Definition>& definitions) {
  for (const feed::Definition& definition : definitions) definitions_[definition.measure] = definition;
}

void Measures::clear() {
  first_.clear();
  further_.clear();
  definitions_.clear();
}

Result<void> Measures::save(const std::filesystem::path& path) const {
  SystemRandom random;
  const auto key = crypto::SigningKey::generate(random);  // the format wants one; nobody keeps it
  Bytes bytes;
  feed::Block block{.kind = feed::BlockKind::changes, .operator_code = "-", .first_sequence = 1};
  const auto put_block = [&] {
    const Bytes encoded = feed::encode(block, key);
    bytes.insert(bytes.end(), encoded.begin(), encoded.end());
    block.definitions.clear();
  };
  for (const auto& [number, definition] : definitions_) {
    block.definitions.push_back(definition);
    if (block.definitions.size() == definitions_in_block) put_block();
  }
  if (!block.definitions.empty()) put_block();
  if (auto written = write_file_atomically(path, bytes, std::filesystem::perms(0600)); !written) {
    return fail(ErrorKind::unavailable, "replica.disk", "The replica's files can't be written.",
                written.error().detail);
  }
  return {};
}

Result<void> Measures::load(const std::filesystem::path& path) {
  DAYAQ_TRY(const std::string text, read_file(path, file_bytes_max));
  BytesView rest = as_bytes(text);
  while (!rest.empty()) {
    DAYAQ_TRY(const feed::Block block, feed::decode_own(rest));
    for (Measure& measure : news(block.definitions)) put(std::move(measure));
    keep(block.definitions);
  }
  return {};
}

}  // namespace dayaq::edge
