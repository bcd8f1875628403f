// Draws an image of each line of a file, several in each forward pass. Started again, it skips the images that are there:
//   dotnet run --project examples/Batch -- prompts.txt images

using SjdOnnx.Runtime;

if (args.Length != 2)
{
    Console.Error.WriteLine("usage: sjdonnx-batch PROMPTS FOLDER");
    return 2;
}

string[] prompts = File.ReadAllLines(args[0]);
Directory.CreateDirectory(args[1]);
int[] missing = [.. Enumerable.Range(0, prompts.Length).Where(line => prompts[line].Length > 0 && !File.Exists(FileOf(line)))];

await using TextToImage model = await TextToImage.LoadAsync("onnx-models/emoji", new TextToImageOptions { ExpectedBatch = 8 });
IEnumerable<GenerationRequest> requests = missing.Select(line => new GenerationRequest { Prompt = prompts[line], Seed = (ulong)line });
await foreach ((int index, GeneratedImage image) in model.GenerateManyAsync(requests))
{
    string file = FileOf(missing[index]);
    await image.SaveAsync(file);
    Console.WriteLine(file);
}

return 0;

string FileOf(int line) => Path.Combine(args[1], $"{line:D4}.png");
