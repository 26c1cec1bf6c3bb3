//===- RopeConfig.cpp - Rotary embedding in a config ----------------------===//
//
// Three spellings: `rope_theta` beside `rope_scaling`, with its kind in
// `rope_type` or (older) `type`; and since transformers 5 `rope_parameters`,
// which holds both.
//
//===----------------------------------------------------------------------===//

#include "RopeConfig.h"

#include "LlamaConfigKeys.h"

using namespace lamina;
using json::Kind;
using json::Value;

namespace {

/// transformers' default where no base is given.
constexpr double kDefaultTheta = 10000;
constexpr double kMaxFactor = 1e6;
/// Smallest factor of a wavelength; any positive number a model may have.
constexpr double kMinFrequencyFactor = 1e-6;
constexpr int64_t kMaxPositionsLimit = 1 << 30;

/// What one of the two objects says.
struct RopeObject {
  std::optional<double> theta;
  RopeScaling scaling;
};

bool operator==(const RopeScaling &a, const RopeScaling &b) {
  return a.kind == b.kind && a.factor == b.factor &&
         a.lowFrequencyFactor == b.lowFrequencyFactor &&
         a.highFrequencyFactor == b.highFrequencyFactor &&
         a.originalMaxPositions == b.originalMaxPositions;
}

/// Reads the kind of scaling. Returns nothing after an error, which then is
/// the only one to report: the other keys belong to the kind.
std::optional<RopeScaling::Kind> readKind(ObjectReader &reader,
                                          bool isRequired) {
  size_t before = reader.errorList().size();
  std::optional<std::string_view> kind = reader.string("rope_type");
  std::optional<std::string_view> legacy = reader.string("type");
  if (reader.errorList().size() != before)
    return std::nullopt;
  if (kind && legacy && *kind != *legacy) {
    reader.report(ExitCode::Malformed, "type", quoted(*legacy),
                  quoted(*kind) + " as in rope_type");
    return std::nullopt;
  }
  std::string_view key = kind || !legacy ? "rope_type" : "type";
  if (!kind)
    kind = legacy;
  if (!kind && isRequired) {
    reader.report(ExitCode::Malformed, key, "absent", "a kind of scaling");
    return std::nullopt;
  }
  if (!kind || *kind == "default")
    return RopeScaling::Kind::None;
  if (*kind == "linear")
    return RopeScaling::Kind::Linear;
  if (*kind == "llama3")
    return RopeScaling::Kind::Llama3;
  reader.report(ExitCode::Unsupported, key, quoted(*kind),
                "\"default\", \"linear\" or \"llama3\"");
  return std::nullopt;
}

/// Reads a required number into `target`.
void readFactor(ObjectReader &reader, std::string_view key, double min,
                double &target) {
  reader.require(key, "a number");
  if (std::optional<double> value = reader.number(key, min, kMaxFactor))
    target = *value;
}

void readLlama3(ObjectReader &reader, RopeScaling &scaling) {
  size_t before = reader.errorList().size();
  readFactor(reader, "low_freq_factor", kMinFrequencyFactor,
             scaling.lowFrequencyFactor);
  readFactor(reader, "high_freq_factor", kMinFrequencyFactor,
             scaling.highFrequencyFactor);
  constexpr std::string_view positionsKey = "original_max_position_embeddings";
  reader.require(positionsKey, "an integer");
  if (auto positions = reader.integer(positionsKey, 1, kMaxPositionsLimit))
    scaling.originalMaxPositions = *positions;
  if (reader.errorList().size() == before &&
      scaling.highFrequencyFactor <= scaling.lowFrequencyFactor)
    reader.report(ExitCode::Malformed, "high_freq_factor",
                  toText(scaling.highFrequencyFactor),
                  "more than low_freq_factor " +
                      toText(scaling.lowFrequencyFactor));
}

/// Reads `rope_scaling` or `rope_parameters`; nothing if it is absent or wrong.
std::optional<RopeObject>
readRopeObject(ObjectReader &config, std::string_view key, bool isParameters) {
  const Value *value = config.findNonNull(key);
  if (!value)
    return std::nullopt;
  if (value->kind() != Kind::Object) {
    config.reportValue(key, *value, "an object or null");
    return std::nullopt;
  }
  InputErrors &errors = config.errorList();
  size_t before = errors.size();
  ObjectReader reader(config.fileName(), *value, config.pointerTo(key), errors);
  std::optional<RopeScaling::Kind> kind =
      readKind(reader, /*isRequired=*/!isParameters);
  if (!kind)
    return std::nullopt;
  RopeObject result;
  result.scaling.kind = *kind;
  if (*kind != RopeScaling::Kind::None)
    readFactor(reader, "factor", 1, result.scaling.factor);
  if (*kind == RopeScaling::Kind::Llama3)
    readLlama3(reader, result.scaling);
  if (isParameters) {
    result.theta = reader.number("rope_theta", kMinRopeTheta, kMaxRopeTheta);
    if (const Value *part = reader.find("partial_rotary_factor"))
      if (part->number() != 1.0)
        reader.report(ExitCode::Unsupported, "partial_rotary_factor",
                      part->describe(), "1");
  }
  for (const Value &member : *value)
    if (!reader.wasAskedFor(member.key()))
      reader.report(ExitCode::Unsupported, member.key(),
                    "unknown key with value " + member.describe(),
                    "a key of this kind of scaling");
  if (errors.size() != before)
    return std::nullopt;
  return result;
}

} // namespace

void lamina::readRope(ObjectReader &reader, LlamaConfig &config) {
  std::optional<double> theta =
      reader.number("rope_theta", kMinRopeTheta, kMaxRopeTheta);
  std::optional<RopeObject> scaling =
      readRopeObject(reader, "rope_scaling", /*isParameters=*/false);
  std::optional<RopeObject> parameters =
      readRopeObject(reader, "rope_parameters", /*isParameters=*/true);
  if (scaling && parameters && !(scaling->scaling == parameters->scaling))
    reader.report(ExitCode::Malformed, "rope_scaling",
                  "another scaling than in rope_parameters",
                  "one of the two, or the same in both");
  if (theta && parameters && parameters->theta && *theta != *parameters->theta)
    reader.report(ExitCode::Malformed, "rope_theta", toText(*theta),
                  toText(*parameters->theta) + " as in rope_parameters");
  if (parameters)
    config.ropeScaling = parameters->scaling;
  else if (scaling)
    config.ropeScaling = scaling->scaling;
  if (!theta && parameters)
    theta = parameters->theta;
  config.ropeTheta = theta.value_or(kDefaultTheta);
}
