//===- Model.cpp - Opening a model ----------------------------------------===//

#include "lamina/Import/Model.h"

#include "lamina/Import/Safetensors.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace lamina;
namespace fs = std::filesystem;

namespace {

/// The commit a Hugging Face cache (`models--org--name`) stands at: the folder
/// `snapshots/<text of refs/main>`, or the only snapshot.
std::optional<fs::path> findSnapshot(const fs::path &cache) {
  std::error_code code;
  if (!fs::is_directory(cache / "snapshots", code))
    return std::nullopt;
  std::ifstream stream(cache / "refs" / "main");
  std::string commit;
  if (stream >> commit && commit.find('/') == std::string::npos) {
    fs::path snapshot = cache / "snapshots" / commit;
    if (fs::is_directory(snapshot, code))
      return snapshot;
  }
  std::vector<fs::path> snapshots;
  for (fs::directory_iterator it(cache / "snapshots", code), end;
       !code && it != end; it.increment(code))
    snapshots.push_back(it->path());
  if (snapshots.size() == 1)
    return snapshots.front();
  return std::nullopt;
}

/// The GGUF files of a folder, by name.
std::vector<fs::path> findGgufFiles(const fs::path &folder) {
  std::vector<fs::path> files;
  std::error_code code;
  for (fs::directory_iterator it(folder, code), end; !code && it != end;
       it.increment(code))
    if (it->path().extension() == ".gguf")
      files.push_back(it->path());
  std::sort(files.begin(), files.end());
  return files;
}

bool startsWithMagic(const fs::path &file) {
  char magic[4] = {};
  std::ifstream stream(file, std::ios::binary);
  return stream.read(magic, 4) && std::memcmp(magic, "GGUF", 4) == 0;
}

std::optional<Model> openGguf(std::string path, const fs::path &file,
                              InputErrors &errors) {
  Model model;
  std::optional<GgufFile> gguf =
      readGguf(file.string(), errors, &model.warnings);
  if (!gguf)
    return std::nullopt;
  std::optional<LlamaConfig> config = readLlamaConfig(*gguf, errors);
  if (!config)
    return std::nullopt;
  model.path = std::move(path);
  model.folder = file.has_parent_path() ? file.parent_path().string() : ".";
  model.format = ModelFormat::Gguf;
  model.config = std::move(*config);
  model.checkpoint = gguf->checkpoint();
  model.gguf = std::move(gguf);
  return model;
}

std::optional<Model> openFolder(std::string path, const fs::path &folder,
                                InputErrors &errors) {
  Model model;
  model.path = std::move(path);
  model.folder = folder.string();
  std::optional<LlamaConfig> config =
      readLlamaConfig((folder / "config.json").string(), errors);
  // A model of another kind is refused before its weights are looked at.
  if (!config)
    return std::nullopt;
  std::optional<Checkpoint> checkpoint =
      readSafetensorsDirectory(folder.string(), errors, model.warnings);
  if (!checkpoint)
    return std::nullopt;
  model.config = std::move(*config);
  model.checkpoint = std::move(*checkpoint);
  return model;
}

std::optional<Model> openPath(const std::string &path, InputErrors &errors) {
  auto fail = [&](ExitCode code, std::string found, std::string expected) {
    errors.report(
        {code, path, "", "model", std::move(found), std::move(expected), ""});
    return std::nullopt;
  };
  constexpr const char *kinds =
      "a folder with config.json and model.safetensors, or a GGUF file";
  std::error_code code;
  fs::file_status status = fs::status(path, code);
  if (!fs::exists(status))
    return fail(ExitCode::InputOutput,
                code ? code.message() : "no such file or folder", kinds);
  if (!fs::is_directory(status)) {
    fs::path file(path);
    if (file.filename() == "config.json")
      return openFolder(
          path, file.has_parent_path() ? file.parent_path() : fs::path("."),
          errors);
    if (file.extension() == ".safetensors" && !startsWithMagic(file))
      return fail(ExitCode::Usage, "one file of a model", kinds);
    return openGguf(path, file, errors);
  }
  fs::path folder(path);
  if (!fs::exists(folder / "config.json", code)) {
    std::vector<fs::path> files = findGgufFiles(folder);
    if (files.size() == 1)
      return openGguf(path, files.front(), errors);
    if (files.size() > 1)
      return fail(ExitCode::Usage, std::to_string(files.size()) + " GGUF files",
                  "one of them, by its name");
    if (std::optional<fs::path> snapshot = findSnapshot(folder))
      folder = *snapshot;
  }
  return openFolder(path, folder, errors);
}

} // namespace

std::string Model::getFileName(unsigned index) const {
  return fs::path(checkpoint.files[index].path).filename().string();
}

std::optional<Model> lamina::openModel(const std::string &path,
                                       InputErrors &errors) {
  std::optional<Model> model = openPath(path, errors);
  if (!model)
    return std::nullopt;
  std::optional<ModelTensors> tensors = findModelTensors(
      model->format, model->config, model->checkpoint, errors, model->warnings);
  if (!tensors)
    return std::nullopt;
  model->tensors = std::move(*tensors);
  return model;
}
