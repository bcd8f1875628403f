// Draws one image and shows progress:
//   dotnet run --project examples/Console -- "a fox on a blue background" fox.png

using SjdOnnx.Methods;
using SjdOnnx.Runtime;

if (args.Length is < 1 or > 2)
{
    Console.Error.WriteLine("usage: sjdonnx-console PROMPT [FILE]");
    return 2;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, key) =>
{
    key.Cancel = true;
    stop.Cancel();
};

try
{
    await using TextToImage model = await TextToImage.LoadAsync("onnx-models/emoji", cancellationToken: stop.Token);
    var request = new GenerationRequest { Prompt = args[0], Seed = 7 };
    var options = new GenerationOptions { Method = new MaximalCoupling(), Window = 16 };
    GeneratedImage image = await model.GenerateAsync(request, options, new PassCounter(), stop.Token);

    string file = args.ElementAtOrDefault(1) ?? "image.png";
    await image.SaveAsync(file, cancellationToken: stop.Token);
    Console.WriteLine($"{file}: {image.ImageTokens} tokens in {image.ForwardPasses} passes");
    return 0;
}
catch (SjdOnnxException error)
{
    Console.Error.WriteLine(error.Message);
    return 1;
}
catch (OperationCanceledException)
{
    return 130;
}

/// <summary>Writes a line for each pass; it is called on the drawing thread.</summary>
internal sealed class PassCounter : IProgress<GenerationProgress>
{
    public void Report(GenerationProgress value) => Console.Error.WriteLine($"{value.Tokens} of {value.TotalTokens} tokens");
}
