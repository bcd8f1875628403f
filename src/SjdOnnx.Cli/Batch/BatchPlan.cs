using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Batch;

/// <summary>The images that share a loaded model.</summary>
/// <param name="Folder">The model's.</param>
/// <param name="Model">At the precision that draws.</param>
/// <param name="Images">Images of one size together, then in the order of the input.</param>
internal sealed record ModelGroup(string Folder, ModelDescription Model, IReadOnlyList<CheckedImage> Images);

/// <summary>All images of the input, checked against their models. No model is loaded for that.</summary>
/// <param name="Groups">One for each model and precision, in the order in which the input names them.</param>
internal sealed record BatchPlan(IReadOnlyList<ModelGroup> Groups)
{
    /// <summary>In the order of the input.</summary>
    public IEnumerable<CheckedImage> Images => Groups.SelectMany(group => group.Images).OrderBy(image => image.Index);

    /// <summary>The images of a shard, or those of another selection.</summary>
    public BatchPlan Where(Func<CheckedImage, bool> isWanted) => new(
        [.. Groups.Select(group => group with { Images = [.. group.Images.Where(isWanted)] }).Where(group => group.Images.Count > 0)]);

    /// <param name="images">From <see cref="LineReader"/>.</param>
    /// <param name="loading">How models will be loaded.</param>
    /// <param name="source">The image of --from; null for none.</param>
    /// <param name="errors">Where errors of lines are noted.</param>
    /// <exception cref="CommandException">The model of all lines is missing, or is not the one that drew the image of --from.</exception>
    /// <exception cref="ModelException">The model of all lines cannot be used.</exception>
    public static BatchPlan Of(
        IReadOnlyList<BatchImage> images, TextToImageOptions loading, SourceImage? source, LineErrors errors)
    {
        var groups = new List<ModelGroup>();
        var byModel = images.GroupBy(image => (image.Model, image.Precision)).ToList();
        foreach (var same in byModel)
        {
            try
            {
                string folder = ModelLocation.Find(same.Key.Model);
                var checker = RequestChecker.Open(folder, loading with { Precision = same.Key.Precision });
                CheckSource(source, checker.Model, same.Key.Model);
                CheckedImage[] drawable = [.. same.Select(image => Check(image, checker, errors)).OfType<CheckedImage>()];
                groups.Add(new ModelGroup(
                    folder, checker.Model, [.. drawable.OrderBy(image => image.Pixels).ThenBy(image => image.Index)]));
            }
            catch (Exception error) when (error is CommandException or ModelException && byModel.Count > 1)
            {
                errors.Add(same.First().Line, error.Message);
            }
        }

        return new BatchPlan(groups);
    }

    private static CheckedImage? Check(BatchImage image, RequestChecker checker, LineErrors errors)
    {
        try
        {
            return CheckedImage.Of(image, checker);
        }
        catch (Exception error) when (error is CommandException or RequestException)
        {
            errors.Add(image.Line, error.Message);
            return null;
        }
    }

    /// <summary>A model of the same name may be another one, which would draw another image.</summary>
    private static void CheckSource(SourceImage? source, ModelDescription model, string? named)
    {
        if (source is not null && named == source.Model.Name && model.Hash != source.Model.Sha256)
        {
            throw new CommandException(ExitCode.Model,
                $"'{source.Path}' was drawn by another model {model.Name} (hash {source.Model.Sha256[..10]}, here {model.Hash[..10]}); " +
                "give --model the path of a model to draw with that one.");
        }
    }
}
