using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Export.Runner;
using SjdOnnx.Runtime;

// stdin is read to its end, so the runner ends with the test process that started it.
using var sessions = new Sessions();
while (Console.ReadLine() is { } line)
{
    Response response;
    try
    {
        response = sessions.Handle(JsonSerializer.Deserialize<Request>(line, Wire.Json)!);
    }
    catch (Exception exception) when (exception is OnnxRuntimeException or ModelException)
    {
        response = new Response(exception.Message);
    }

    Console.WriteLine(JsonSerializer.Serialize(response, Wire.Json));
}
